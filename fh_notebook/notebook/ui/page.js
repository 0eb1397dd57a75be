// What the scripts of all pages begin with. Rule of this file: PageWidget puts it before each of them on load, in one
// module, so that nothing is bundled and nothing is fetched; a text is put in as text (textContent), never as HTML.

const make = (tag, {cls, text, ...attributes} = {}, ...children) => {
  const made = document.createElement(tag);
  if (cls) made.className = cls;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
};

// Put a text on the clipboard, and return why that was refused, or an empty text; to be called when something is clicked.
const toClipboard = async text => {
  if (!navigator.clipboard) return "The browser allows the clipboard only to pages that are served over https";
  try { await navigator.clipboard.writeText(text); return ""; }
  catch (error) { return `The browser refused the clipboard (${error.name})`; }
};

// Have the keys that are pressed within `root()` be no commands of the notebook: there, "d d" deletes the cell. Only
// Ctrl+S and Cmd+S go on to it. The element with the focus is marked, and not what it lies in: Lumino looks upwards from
// the element for one that a shortcut is for, and stops at a mark, so a mark further up is too late for what is for
// any focused element (the arrows are). On the window, because Lumino may take keys at the document before anybody else.
const ownKeys = (root, pressed = () => {}) => {
  const heard = event => {
    const here = root();
    if (!here?.contains(event.target)) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s") { saves(event, here); return; }
    event.target.toggleAttribute("data-lm-suppress-shortcuts", true);
    pressed(event);
  };
  window.addEventListener("keydown", heard, true);
  return () => window.removeEventListener("keydown", heard, true);
};

// A text of ipywidgets lets no key pass to the document, where JupyterLab listens: so the notebook is told beside it.
const saves = (event, here) => {
  const told = new KeyboardEvent("keydown", event);  // with the same key, code and modifiers
  if (here.parentElement.dispatchEvent(told)) return;  // no page to save it: what the browser does is left to it
  event.preventDefault();
  event.stopImmediatePropagation();
};

// Have `draw` leave the focus within `root`: what was pressed may be drawn anew, disabled or hidden by what it did, and
// the keys that come next would be nobody's. Then `instead` has it.
const keepFocus = (root, draw, instead) => {
  const had = root.contains(document.activeElement);
  draw();
  const now = document.activeElement;
  if (had && (!root.contains(now) || now.disabled || !now.getClientRects().length)) instead.focus({preventScroll: true});
};
