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

