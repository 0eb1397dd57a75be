// The control that corrects the expected output of a row: a button, and a form with the value, a note and Save. Rule of
// this file: it keeps what a person has typed until the kernel says that it is stored, whatever is drawn meanwhile.

const LONG_VALUE = 60;  // characters of a value from which it is edited in several lines

// `save(values)` sends {expected, note} or {restore: true}; what came of it is told by `told(problem)`. `back()` gives the
// focus to what had it before; `key` is the one that opens it. The labels are offered where expected outputs are some.
const correctionControl = ({save, back, key = "", labels = () => []}) => {
  const offered = `fh-correct-${Math.random().toString(36).slice(2, 10)}`;
  const opener = make("button", {type: "button", cls: "fh-correct-open"});
  const said = make("span", {cls: "fh-correct-said", role: "status", "aria-live": "polite"});
  const note = make("input", {type: "text", maxlength: 2000, dir: "auto", placeholder: "why (optional)"});
  const known = make("datalist", {id: offered});
  const valueLabel = make("label", {}, make("span", {text: "Expected output"}));
  const submit = make("button", {type: "submit", cls: "fh-correct-save", text: "Save"});
  const restore = make("button", {type: "button", text: "Undo the correction"});
  const cancel = make("button", {type: "button", text: "Cancel"});
  const problem = make("div", {cls: "fh-correct-problem", role: "alert"});
  const hint = make("div", {cls: "fh-correct-hint"});
  const title = make("div", {cls: "fh-correct-title"});
  const form = make("form", {hidden: true}, title, valueLabel, make("label", {}, make("span", {text: "Note"}), note),
    make("div", {cls: "fh-correct-keys"}, submit, restore, cancel), problem, hint, known);
  const element = make("div", {cls: "fh-correct"}, opener, said, form);
  let row = null, text = "", field = null, isWaiting = false;
  const drafts = new Map();  // by row: what was typed and is not stored yet

  const newField = value => {  // of one line, or of several: Enter saves in the first, and is a new line in the second
    const isLong = value.length > LONG_VALUE || value.includes("\n");
    field?.remove();
    field = isLong ? make("textarea", {rows: Math.min(Math.max(text.split("\n").length, 3), 10), dir: "auto"}) : make("input", {type: "text", dir: "auto", list: offered});
    field.value = value;
    valueLabel.append(field);
    hint.textContent = `A correction is saved with the answers; your table is not changed. Every row with these inputs is scored again with the new value.${isLong ? " Ctrl+Enter saves." : ""}`;
  };
  const wait = waits => {
    isWaiting = waits;
    submit.textContent = waits ? "Saving…" : "Save";
    for (const one of [submit, restore]) one.disabled = waits;
  };
  const open = () => {
    said.textContent = problem.textContent = "";
    const [value, reason] = drafts.get(row) ?? [text, ""];
    note.value = reason;
    known.replaceChildren(...labels().map(label => make("option", {value: label})));
    newField(value);
    wait(false);
    form.hidden = false;
    opener.hidden = true;
    field.focus();
    field.select();
    form.scrollIntoView({block: "nearest"});
  };
  const close = () => {
    const held = form.contains(document.activeElement);
    form.hidden = true;
    opener.hidden = false;
    if (held) back();
  };
  const send = values => { if (isWaiting) return; problem.textContent = ""; wait(true); save(values); };
  const submitted = () => send({expected: field.value, note: note.value});
  opener.onclick = open;
  cancel.onclick = () => { drafts.delete(row); close(); };
  restore.onclick = () => send({restore: true});
  form.onsubmit = event => { event.preventDefault(); submitted(); };

  return {
    element, open, holds: node => form.contains(node),
    // Show the values of a row: `null` where its expected output cannot be corrected here.
    show(newRow, values) {
      const isOther = newRow !== row;
      if (isOther && !form.hidden) drafts.set(row, [field.value, note.value]);
      row = newRow;
      element.hidden = !values;
      if (isOther) { said.textContent = ""; close(); wait(false); }
      if (!values) return;
      text = values.text;
      title.textContent = values.is_corrected ? "Change the correction" : "Edit expected output";
      form.setAttribute("aria-label", title.textContent);
      opener.replaceChildren(...(key ? [make("kbd", {text: key})] : []), title.textContent);
      restore.hidden = !values.is_corrected;
    },
    // What the kernel says of what was sent for a row: nothing, or why it was not stored. Another row may be shown by now.
    told(ofRow, why) {
      if (!why) drafts.delete(ofRow);
      if (ofRow !== row) { if (why) said.textContent = `The previous correction was not saved: ${why}`; return; }
      if (!isWaiting) return;
      wait(false);
      problem.textContent = why;
      if (why) { field.focus(); return; }
      close();
      said.textContent = "Saved";
    },
    // A key within the form; the page hears it first.
    key(event) {
      if (event.key === "Escape") { event.preventDefault(); cancel.onclick(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submitted(); }
    },
  };
};
