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

// Have the keys that are pressed within `root()` be no commands of the notebook: there, "d d" deletes the cell. Only
// Ctrl+S and Cmd+S go on to it. The element with the focus is marked, and not what it lies in: Lumino looks upwards from
// the element for one that a shortcut is for, and stops at a mark, so a mark further up is too late for what is for
// any focused element (the arrows are). On the window, because Lumino takes keys at the document before anybody else.
const ownKeys = (root, pressed = () => {}) => {
  const heard = event => {
    if (!root()?.contains(event.target)) return;
    const saves = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !saves);
    if (!saves) pressed(event);
  };
  window.addEventListener("keydown", heard, true);
  return () => window.removeEventListener("keydown", heard, true);
};

