// What plain widgets lack in a notebook's page, for all that lie beside this one. Rules of this file:
// - A key that is pressed there is theirs (see ownKeys).
// - The focus stays there. What has it may be taken away or disabled by its own click; without a focus, keys would be
//   the notebook's again. So it goes to what stands before; to the whole while what was pressed is only disabled, since
//   the button that comes before or after, such as Cancel, must not be what the next Space presses. A page draws anew
//   what stands behind a part that comes or goes: what had the focus has it again as soon as it is there again.
// - Behind a decision that was sent, the focus goes to the same button of the next decision that was there, or to the
//   whole: in a number beside it the next arrow would change a limit. A key that is held decides once.
// - Tab leads from a text to the next field, not to the text's menu, where Alt+Down leads.
// - Ctrl+Enter and Cmd+Enter press the form's Run, from wherever the focus is, and leave it there.
// - The kernel may name a field that is to be gone to, such as the first cell of a new row, as may a link: by the classes
//   that the field, or else what it lies in, has; the kernel hears of a link, too, since it shows one page of rows. A person who has typed or clicked since they pressed what the kernel
//   answers to stays where they are: a busy kernel may answer late.
// - What lies in another box of this kind within this one, such as the block of a batch in a form, is served by the inner
//   box alone: there Ctrl+Enter saves a file, and is no Run of the form.
// - What is clicked and has a name for the kernel (data-act) is told to it. So is a field that must be filled in
//   (fh-needed) and that was left, and one whose menu is made when a person comes to it (fh-offers), by the pointer or
//   the focus; while a button is pressed, what was left is told after its click.
// - A page that made the widgets anew asks once for their last state: what the kernel sent until they were there is lost.
// - A button that is pressed is clicked, also where the page moves it meanwhile: what is left by the press may be told
//   wrong above it.
// - A pane that scrolls has a sign where more is above or below, and Run brings its answers in sight.
// - Text is laid out in its own direction, the handle of a slider and a group of boxes have names, and what is wrong is
//   said to be: widgets have no trait for these.

const FOCUSABLE = "button, input, select, textarea, summary, a[href], [tabindex='0']";
const WRITTEN = "input, select, option, textarea, label";  // HTML says itself which of its texts are somebody's
const CHOSEN = "select, input[type=checkbox], input[type=radio]";  // the kernel answers to it as to a button
const NAMED = {"widget-radio-box": "radiogroup", "fh-choices": "group"};
const DECIDES = ".fh-decides";
const SOON_MS = 2000;  // a part that is drawn anew is there at once; what comes later is another one
const SAID_MS = 6000;
const ENDS = ["pointerup", "pointercancel"];
const MODIFIERS = ["Shift", "Control", "Alt", "Meta", "AltGraph"];  // pressed alone, they begin something
const STILL_PX = 6;  // a pointer that moves further takes its press back

let helps = 0;  // lines of help that have an id, by which their controls are described

function render({model, el}) {
  const root = () => el.closest(".fh-own-keys");
  let asking, observer, going, showing, opening, pressing;
  let hasGoneOn = false;  // whether a person has typed or clicked since they pressed a button or chose
  let last = null;  // what has the focus, and what was to know of it while it was on the page
  let lost = null;  // what had it until its part was drawn anew
  const isInner = event => event.target.closest?.(".fh-own-keys") !== root();
  const disown = ownKeys(root, event => {
    lost = going = showing = opening = null;  // a person has gone on
    hasGoneOn ||= !MODIFIERS.includes(event.key);
    if (event.repeat && event.key === "Enter" && event.target.matches(DECIDES)) event.preventDefault();
    if (isInner(event)) return;
    if (event.key === "ArrowDown" && event.altKey) openMenu(event);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) run(event);
  });

  const canFocus = element => element.isConnected && !element.disabled && element.getClientRects().length > 0
    && getComputedStyle(element).visibility === "visible";
  const nameOf = element => [element.tagName, element.type, element.getAttribute("aria-label") || element.title
    || element.labels?.[0]?.textContent || element.textContent].join(" ");
  const named = (all, name) => all.filter(element => nameOf(element) === name);
  const focusable = here => [...here.querySelectorAll(FOCUSABLE)];
  const focus = element => element.focus({preventScroll: true});
  const offered = new WeakSet();
  const offer = event => {
    if (isInner(event)) return;
    for (let field = event.target.closest(".fh-offers"); field; field = field.parentElement.closest(".fh-offers")) {
      if (offered.has(field)) continue;
      offered.add(field);
      model.send({act: `came ${nameOfField(field)}`});
    }
  };
  const came = event => {
    offer(event);
    const element = event.target, name = nameOf(element), around = focusable(event.currentTarget);
    last = {element, name, around, place: named(around, name).indexOf(element), box: element.closest(".fh-own-keys")};
  };
  const left = event => {
    const from = event.target, here = event.currentTarget;  // what was taken away is not on the page any more
    if (from === here) here.removeAttribute("tabindex");  // a click beside the controls must not take the focus
    setTimeout(() => { if (last?.element === from && canFocus(from) && document.activeElement !== from) last = null; });
    if (pressing) pressing.left.push(from); else setTimeout(() => tellLeft(here, from));
  };
  const tellLeft = (here, from) => {  // also when the whole page is left, the field keeps the focus
    if (!from.isConnected) return;
    for (let field = from.closest(".fh-needed"); field && here.contains(field); field = field.parentElement.closest(".fh-needed"))
      if (!field.contains(document.activeElement)) model.send({act: `left ${nameOfField(field)}`});
  };
  const nameOfField = field => [...field.classList].find(name => name.startsWith("fh-at-"));
  const press = event => {
    lost = going = showing = opening = null;
    hasGoneOn = true;
    pressing = {button: event.target.closest("button"), at: [event.clientX, event.clientY], left: [], isClicked: false};
  };
  const clicks = event => {
    if (event.target.closest("button, [data-act]")) hasGoneOn = false;  // what comes now answers to this
    const run = event.target.closest(".fh-run");
    if (run?.closest(".fh-pane")) run.closest(".fh-pane").scrollTop = 0;  // its answers come at the top
    if (pressing?.button?.contains(event.target)) pressing.isClicked = true;
  };
  const chosen = event => { if (event.target.matches(CHOSEN)) hasGoneOn = false; };
  const release = event => {
    const {button, at: [x, y], left} = pressing ?? {at: [0, 0], left: []};
    const was = pressing;
    setTimeout(() => {  // after the click that comes with it
      if (pressing === was) pressing = null;
      const isStill = Math.hypot(event.clientX - x, event.clientY - y) < STILL_PX;
      if (event.type === "pointerup" && event.button === 0 && button && !was.isClicked && isStill && canFocus(button)) button.click();
      left.forEach(from => tellLeft(root(), from));
    });
  };
  const openMenu = event => {
    const field = event.target.closest(".fh-field"), menu = menuOf(field);
    if (menu === event.target || !(menu || field?.matches(".fh-offers"))) return;  // in itself the browser opens it
    event.preventDefault();
    if (menu) focus(menu); else opening = {field, until: performance.now() + SOON_MS};  // it is being made
  };
  const menuOf = field => field?.querySelector(":scope > .fh-by-key select");
  const run = event => {
    const button = root().querySelector(".fh-run");
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    event.target.blur();  // what was typed counts: a field tells it when it is left
    button.click();
    if (canFocus(event.target)) focus(event.target);
  };
  const goTo = (names, unlessTyping = false) => {
    going = {names: names.split(" "), unlessTyping, until: performance.now() + SOON_MS};
    arrive(root());
  };
  const arrive = here => {
    if (!going || !here) return;
    const isTyping = here.contains(document.activeElement) && document.activeElement.matches(WRITTEN);
    if (performance.now() > going.until || (going.unlessTyping && isTyping)) { going = null; return; }
    const field = going.names.map(name => here.querySelector(`.${CSS.escape(name)}`))
      .find(found => found?.getClientRects().length);
    if (!field) return;  // it is behind a fold that opens just now
    const wrong = [...field.querySelectorAll(".fh-wrong")].flatMap(focusable);
    const target = [...wrong, ...focusable(field)].find(canFocus);
    if (!target) return;
    going = null;
    (target.getClientRects()[0].height < innerHeight / 2 ? target : field).scrollIntoView({block: "center"});
    focus(target);
  };
  const showAll = here => {
    const part = showing && performance.now() < showing.until ? here?.querySelector(`.${CSS.escape(showing.name)}`) : null;
    if (!part) { showing = null; return; }
    let top = 0, bottom = innerHeight;
    for (let frame = part.parentElement; frame; frame = frame.parentElement) {
      if (!/auto|scroll/.test(getComputedStyle(frame).overflowY) || frame.scrollHeight <= frame.clientHeight + 1) continue;
      const bar = [...frame.children].find(child => getComputedStyle(child).position === "sticky");  // it lies over the rest
      if (bar) frame.style.scrollPaddingTop = `${bar.offsetHeight}px`;
      const box = frame.getBoundingClientRect();
      top = Math.max(top, box.top + (bar?.offsetHeight ?? 0));
      bottom = Math.min(bottom, box.bottom);
    }
    const whole = part.parentElement, end = whole.getBoundingClientRect().bottom;
    const begin = part.getBoundingClientRect().top;
    if (end <= bottom && begin >= top) return;  // or it is not drawn yet: it may come in pieces
    // No further than it must: what is beside it, such as Run and the answers of a form, stays in sight.
    if (begin >= top && end - begin <= bottom - top) whole.scrollIntoView({block: "end"});
    else part.scrollIntoView({block: "start"});
  };
  const scrolls = () => { showing = null; };
  const tellMore = () => root()?.querySelectorAll(".fh-pane").forEach(pane => {
    pane.classList.toggle("fh-more-above", pane.scrollTop > 4);
    pane.classList.toggle("fh-more-below", pane.scrollHeight - pane.clientHeight - pane.scrollTop > 4);
  });
  const sizes = new ResizeObserver(tellMore);
  const watchPanes = here => here.querySelectorAll(".fh-pane, .fh-pane > *").forEach(part => sizes.observe(part));
  const pressed = event => {
    const at = event.target.closest?.("[data-go], [data-act], .fh-code-act");
    if (!at || isInner(event)) return;
    event.preventDefault();
    if (at.dataset.go) goTo(at.dataset.go);
    if (at.dataset.act) model.send({act: at.dataset.act});
    else if (at.matches(".fh-copy-code")) copyCode(at);
    else insertCell(at);
  };
  const codeOf = button => button.closest(".fh").querySelector(".fh-all").textContent;
  // The widgets' manager of JupyterLab and of Notebook 7 knows the notebook; where another page has none, the button stays
  // hidden, as in a view of the output outside of the notebook.
  const notebook = () => model?.widget_manager?.context?.model?.sharedModel;
  const canInsert = here => typeof notebook()?.insertCell === "function" && here.closest(".jp-Cell") !== null;
  const insertCell = button => {
    const cell = button.closest(".jp-Cell"), beside = () => [...cell.parentElement.querySelectorAll(":scope > .jp-Cell")];
    const place = Number(cell.dataset.windowedListIndex ?? beside().indexOf(cell));  // not all cells are in the page
    notebook().insertCell(place + 1, {cell_type: "code", source: codeOf(button)});
    say(button, "Inserted below.");
    requestAnimationFrame(() => { const all = beside(); all[all.indexOf(cell) + 1]?.scrollIntoView({block: "nearest"}); });
  };
  const say = (button, text, {stays = false} = {}) => {
    const said = button.parentElement.querySelector("[role=status]");
    said.textContent = text;
    if (!stays) setTimeout(() => { said.textContent = ""; }, SAID_MS);
  };
  const copyCode = async button => {
    const refused = await toClipboard(codeOf(button));
    say(button, refused ? `${refused}: click the text, then press Ctrl+C (⌘C).` : "Copied.", {stays: Boolean(refused)});
  };
  const changed = here => {
    here.querySelectorAll(WRITTEN).forEach(element => { element.dir ||= "auto"; });
    here.querySelectorAll("[role=slider]:not([aria-label])").forEach(handle => {
      const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label")?.textContent;
      if (label) handle.setAttribute("aria-label", label);
    });
    if (canInsert(here))
      here.querySelectorAll(".fh-insert-code[hidden]").forEach(button => { button.hidden = false; });
    for (const [cls, role] of Object.entries(NAMED)) {
      for (const group of here.getElementsByClassName(cls)) {
        group.setAttribute("role", role);
        group.setAttribute("aria-label", group.closest(".jupyter-widgets").querySelector(".fh-name")?.textContent ?? "");
      }
    }
    here.querySelectorAll(".fh-field .fh-help").forEach(help => {
      const owner = help.closest("label")?.control ?? help.closest(".fh-choices")
        ?? help.closest(".widget-inline-hbox")?.querySelector("[role=radiogroup]");
      help.id ||= `fh-help-${++helps}`;
      owner?.setAttribute("aria-describedby", help.id);
    });
    here.querySelectorAll(":is(input, select, textarea)").forEach(control => {
      if (control.parentElement.classList.contains("fh-wrong")) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    });
    here.querySelectorAll(".widget-toggle-button, .widget-toggle-buttons button").forEach(button => {  // as ipywidgets marks it
      button.setAttribute("aria-pressed", String(button.classList.contains("mod-active")));
    });
    here.querySelectorAll(".fh-by-key select").forEach(menu => { menu.tabIndex = -1; });
    here.querySelectorAll(".fh-menu select:not([title])").forEach(menu => {
      const label = menu.labels[0];
      if (label) menu.title = label.title || label.textContent;
    });
    watchPanes(here);
    if (opening && menuOf(opening.field)) {
      if (performance.now() < opening.until) focus(menuOf(opening.field));
      opening = null;
    }
    findAgain(here);
    arrive(here);
    showAll(here);
    const now = document.activeElement ?? document.body;
    if (!last || (now !== here && !now.contains(here) && canFocus(now))) return;
    if (canFocus(last.element)) { if (now === here) focus(last.element); return; }
    if (last.box !== here && last.box?.getClientRects().length) return;  // the inner box serves it
    const gone = last, at = gone.around.indexOf(gone.element);
    const behind = gone.around.slice(at + 1), before = gone.around.slice(0, Math.max(at, 0)).reverse();
    const isThere = gone.element.isConnected;
    const other = gone.element.matches(DECIDES) ? nextDecision(here, gone) : [...before, ...behind].find(canFocus);
    const next = isThere && gone.element.disabled ? here : other ?? here;
    if (next === here) here.tabIndex = -1;
    focus(next);
    if (next === here) last = gone;  // it has the focus again when it can be pressed again
    lost = isThere ? null : {name: gone.name, place: gone.place, until: performance.now() + SOON_MS};
    findAgain(here);
  };
  const nextDecision = (here, {element, around}) => {
    const acts = around.map(button => button.dataset.act), at = ({dataset}) => acts.indexOf(dataset.act);
    const isAlike = button => button.textContent === element.textContent && at(button) >= 0 && canFocus(button);
    const alike = [...here.querySelectorAll(DECIDES)].filter(isAlike);
    return alike.find(button => at(button) > at(element)) ?? alike[0];
  };
  const findAgain = here => {
    if (!lost) return;
    if (performance.now() > lost.until) { lost = null; return; }
    const again = named(focusable(here), lost.name)[lost.place];
    if (!again || !canFocus(again)) return;
    lost = null;
    focus(again);
  };
  const begin = () => {
    const here = root();
    if (!here) { asking = requestAnimationFrame(begin); return; }  // widgets are put into the page after they are drawn
    here.style.outline = "none";
    here.addEventListener("focusin", came);
    here.addEventListener("focusout", left);
    here.addEventListener("pointerover", offer);
    here.addEventListener("pointerdown", press, true);
    here.addEventListener("click", clicks, true);
    here.addEventListener("change", chosen, true);
    here.addEventListener("wheel", scrolls, {passive: true});
    here.addEventListener("click", pressed);
    here.addEventListener("scroll", tellMore, {passive: true, capture: true});
    for (const end of ENDS) window.addEventListener(end, release, true);
    observer = new MutationObserver(() => changed(here));
    const attributeFilter = ["disabled", "style", "class"];
    observer.observe(here, {childList: true, subtree: true, attributes: true, attributeFilter});
    changed(here);
  };
  begin();
  if (model?.get("made_anew")) model.send({made_anew: true});
  model?.on("msg:custom", message => {
    if (message.go && !hasGoneOn) goTo(message.go, message.unless_typing);
    if (message.show) { showing = {name: message.show, until: performance.now() + SOON_MS}; showAll(root()); }
  });
  return () => {
    cancelAnimationFrame(asking);
    observer?.disconnect();
    sizes.disconnect();
    disown();
    for (const end of ENDS) window.removeEventListener(end, release, true);
  };
}

export default {render};
