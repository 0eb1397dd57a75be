// What views of outputs need a script for: Copy, "Show all", a picture after a click, and the form that a person chose.
// Rule of this file: it serves every view in the results that it lies in, also those that are drawn later; a text is put
// in as text, and an address is fetched after a click only.

const PATIENCE_MS = 20000;  // a busy kernel may take so long to send a text
const SAID_MS = 2000;
const KEEP = "white-space:pre-wrap";

function render({model, el}) {
  const asked = new Map();
  let number = 0, starting, root;

  const viewOf = element => element.closest("[data-output]");
  // All of an output, out of the kernel; null where it has not come.
  const allOf = view => new Promise(resolve => {
    const id = ++number, timer = setTimeout(() => asked.get(id)?.(null), PATIENCE_MS);
    asked.set(id, answer => { clearTimeout(timer); asked.delete(id); resolve(answer); });
    model.send({ask: "text", id, key: view.dataset.output});
  });
  const came = answer => asked.get(answer?.id)?.(answer);

  const note = (view, ...parts) => {
    view.querySelector(":scope>.fh-copied")?.remove();
    if (parts.length) view.querySelector(".fh-o-bar").after(make("div", {cls: "fh-copied", role: "status"}, ...parts));
  };
  // A text that is selected as a whole, for hands on the keys: in a <div> that can be edited, because JupyterLab takes
  // Ctrl+A and Ctrl+C of others for its cells, and a text area of 20,000 lines takes a minute to select.
  const selectable = (view, why, text) => {
    const area = make("div", {cls: "fh-all", contenteditable: "plaintext-only", "data-lm-suppress-shortcuts": "true",
      role: "textbox", tabindex: 0, spellcheck: "false", "aria-multiline": "true", "aria-label": "All of the output", dir: "auto", text});
    note(view, make("div", {cls: "fh-dim", text: `${why}. The text below is selected: press Ctrl+C (⌘C).`}), area);
    area.focus();
    getSelection().selectAllChildren(area);
  };
  const copy = async button => {
    const view = viewOf(button);
    note(view);
    button.textContent = "Copying…";
    const answer = button.dataset.text === undefined ? await allOf(view) : {text: button.dataset.text, left: ""};
    const why = answer === null ? "" : await toClipboard(answer.text);
    button.textContent = answer === null || why ? "Copy" : "Copied";
    if (answer === null) note(view, make("div", {cls: "fh-dim", text: "The kernel did not send the text. Press Copy again when it is idle."}));
    else if (why) selectable(view, why, answer.text);
    else if (answer.left) note(view, make("div", {cls: "fh-dim", text: answer.left}));
    setTimeout(() => { button.textContent = "Copy"; }, SAID_MS);
  };
  const showAll = async button => {
    const view = viewOf(button), panel = button.closest(".fh-as");
    button.disabled = true;
    const answer = await allOf(view);
    button.disabled = false;
    if (answer === null) { note(view, make("div", {cls: "fh-dim", text: "The kernel did not send the text. Try again when it is idle."})); return; }
    const all = make("div", {cls: "fh-out fh-rest", style: KEEP, tabindex: 0, role: "region", "aria-label": "All of the output", dir: "auto", text: answer.text});
    panel.replaceChildren(all, ...(answer.left ? [make("div", {cls: "fh-dim", text: answer.left})] : []));
    all.focus({preventScroll: true});
  };
  // No referrer: the address of somebody's notebook server is not the file host's business. No script of an SVG runs
  // inside an <img>.
  const showFile = button => button.replaceWith(make("img", {src: button.dataset.src, alt: button.dataset.name, referrerpolicy: "no-referrer"}));

  const clicked = event => {
    const button = event.target.closest("[data-output] button");
    if (!button) return;
    event.preventDefault();
    if (button.matches(".fh-copy")) copy(button);
    else if (button.matches(".fh-show-all")) showAll(button);
    else if (button.matches(".fh-show-file")) showFile(button);
  };
  const chose = event => {
    if (event.target.matches("[data-output] input[type=radio]"))
      model.send({ask: "form", key: viewOf(event.target).dataset.output, form: event.target.value});
  };
  const begin = () => {
    root = el.closest(".fh-results");
    if (!root) { starting = requestAnimationFrame(begin); return; }  // widgets are put into the page after they are drawn
    root.addEventListener("click", clicked);
    root.addEventListener("change", chose);
    root.dataset.ready = "";
  };
  model.on("msg:custom", came);
  begin();
  return () => {
    cancelAnimationFrame(starting);
    model.off("msg:custom", came);
    root?.removeEventListener("click", clicked);
    root?.removeEventListener("change", chose);
  };
}

export default {render};
