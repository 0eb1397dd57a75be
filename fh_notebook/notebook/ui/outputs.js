// Serving views of outputs: Copy, "Show all", a picture after a click, and the form that a person chose. Rule of this
// file: it serves every view in a root, also those that are drawn later; a text is put in as text, and an address is
// fetched after a click only.

const SAID_MS = 2000;
const NOT_SENT = "The kernel did not send the text. Try again when it is idle.";

// `allOf(key, form)` promises {text, left} of an output, `left` a sentence on what is missing, or with a form {html}: all of
// the output, drawn by the kernel, which escapes all that a model wrote; null where it does not come. `chose(key, form)` is
// told of a choice. With a `prefix` the views whose keys begin with it are served, and their buttons shown, wherever they
// are in the root. Returns how to end it.
const serveOutputs = (root, allOf, {chose = () => {}, prefix = ""} = {}) => {
  const viewOf = element => element.closest("[data-output]");
  const isServed = element => viewOf(element)?.dataset.output.startsWith(prefix) ?? false;
  const note = (view, ...parts) => {
    view.querySelector(":scope>.fh-copied")?.remove();
    if (parts.length) view.querySelector(".fh-o-bar").after(make("div", {cls: "fh-copied", role: "status"}, ...parts));
  };
  const dim = text => make("div", {cls: "fh-dim", text});
  // A text that is selected as a whole, for hands on the keys: in a <div> that can be edited, because JupyterLab takes
  // Ctrl+A and Ctrl+C of others for its cells, and a text area of 20,000 lines takes a minute to select.
  const selectable = (view, why, text) => {
    const area = make("div", {cls: "fh-all", contenteditable: "plaintext-only", "data-lm-suppress-shortcuts": "true",
      role: "textbox", tabindex: 0, spellcheck: "false", "aria-multiline": "true", "aria-label": "Text to copy", dir: directionOf(text), text});
    note(view, dim(`${why}. The text below is selected: press Ctrl+C (⌘C).`), area);
    area.focus();
    getSelection().selectAllChildren(area);
  };
  const copy = async button => {
    const view = viewOf(button);
    note(view);
    clearTimeout(button.said);  // of a click just before: what this one says stays as long
    button.textContent = "Copying…";
    const answer = button.dataset.text === undefined ? await allOf(view.dataset.output) : {text: button.dataset.text, left: ""};
    const why = answer === null ? "" : await toClipboard(answer.text);
    button.textContent = answer === null || why ? "Copy" : "Copied";
    if (answer === null) note(view, dim(NOT_SENT));
    else if (why) selectable(view, why, answer.text);
    else if (answer.left) note(view, dim(answer.left));
    clearTimeout(button.said);
    button.said = setTimeout(() => { button.textContent = "Copy"; }, SAID_MS);
  };
  const showAll = async button => {
    const view = viewOf(button), panel = button.closest(".fh-as");
    const form = [...panel.classList].find(name => name.startsWith("fh-as-")).slice("fh-as-".length);
    button.disabled = true;
    const answer = await allOf(view.dataset.output, form);
    button.disabled = false;
    if (answer === null) { note(view, dim(NOT_SENT)); return; }
    const all = make("div", {cls: "fh-whole-form", tabindex: 0, role: "region", "aria-label": "All of the output"});
    all.innerHTML = answer.html;
    panel.replaceChildren(all);
    all.focus({preventScroll: true});
  };
  // No referrer: the address of somebody's notebook server is not the file host's business. No script of an SVG runs
  // inside an <img>.
  const showFile = button => button.replaceWith(make("img", {src: button.dataset.src, alt: button.dataset.name, referrerpolicy: "no-referrer"}));

  const clicked = event => {
    const button = event.target.closest("[data-output] button");
    if (!button || event.defaultPrevented || !isServed(button)) return;  // prevented: another view of this widget has done it
    event.preventDefault();
    if (button.matches(".fh-copy")) copy(button);
    else if (button.matches(".fh-show-all")) showAll(button);
    else if (button.matches(".fh-show-file")) showFile(button);
  };
  const changed = event => {
    if (event.target.matches("[data-output] input[type=radio]") && isServed(event.target)) chose(viewOf(event.target).dataset.output, event.target.value);
  };
  root.addEventListener("click", clicked);
  root.addEventListener("change", changed);
  const of = `.fh .fh-o[data-output^="${prefix}"]`;
  const shown = prefix ? make("style", {"data-served": prefix, text: `${of} button{display:inline-block}${of}>.fh-o-bar{display:flex!important}`}) : null;
  (root.head ?? root).append(...(shown ? [shown] : []));
  return () => { shown?.remove(); root.removeEventListener("click", clicked); root.removeEventListener("change", changed); };
};
