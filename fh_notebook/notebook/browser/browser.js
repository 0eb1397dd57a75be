// The page of a browser of rows. Rule of this file: every text is put in by `make` (of page.js), as text and never as
// HTML, so nothing that a model said can run; nothing is fetched; and what is shown is what the kernel sent last.

const CORRECT_KEY = ["c", "edit expected output"];
const KEYS = [["↑ ↓", "choose a row"], ["← →", "page"], ["Enter", "open the row"], ["Esc", "close it"], ["n p", "open the next, previous row"],
  ["b", "compare all with the next variant"], ["/", "search"], ["f", "more filters"]];
const SHORT = 300;  // characters of an output that is not folded away where it is that of the reference
const PANE_FROM = 1100;  // CSS pixels of the output: from there an opened row stands beside the table, else in it

const PATIENCE_MS = 20000;  // a busy kernel may take so long to send a text

const NAMED = 20, OTHER_MOST = 28, OWN_LEAST = 22, OWN_MOST = 64, PADDING = 2;  // widths in characters; PADDING is beside each
const ANSWER = {least: 10, read: 24, most: 46};
const columnsOf = text => text.length + (text.match(/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/g)?.length ?? 0);

const ONCE = new Set(["Enter", " ", "Escape", "b", "c", "f", "/"]);  // a key that is held down says these once

const fill = (select, options, value) => {
  const said = JSON.stringify(options);
  if (select.dataset.said !== said) {
    select.replaceChildren(...options.map(([key, name]) => make("option", {value: key, text: name})));
    select.dataset.said = said;
  }
  if (select.value !== value) select.value = value;
};

// The places of a search in a text, as it is found: in any case. Where a letter is longer in the other case (ß), nothing
// is marked, since places would be shifted.
const found = (text, wanted) => {
  const folded = text.toLowerCase(), places = [];
  if (!wanted || folded.length !== text.length) return places;
  for (let at = folded.indexOf(wanted); at >= 0 && places.length < 200; at = folded.indexOf(wanted, at + wanted.length)) places.push(at);
  return places;
};

const ordinal = n => `${n.toLocaleString("en")}${n % 100 > 10 && n % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th"}`;
const scoreOf = cell => cell.score ? [cell.score, cell.best].filter(Boolean).join(" · ") : "";
const badge = status => make("span", {cls: `fhb-badge${status === "failed" ? " fhb-failed" : ""}`, text: status === "unknown" ? "outcome unknown" : status});

function render({model, el}) {
  const id = `fhb-${Math.random().toString(36).slice(2, 10)}`;
  let head = model.get("head"), page = model.get("page");
  let at = Math.max(page.rows.findIndex(row => row.row === page.open?.row), 0);  // the row that the keyboard is on
  let leaving = null;  // a page that a key over its edge has asked for: keys behind it wait until it is there
  const waiting = [];
  let asked = page.heard || 0, toEnd = false, focusDetail = false, seeDetail = false;

  const send = (said) => { asked += 1; model.send({number: asked, ...said}); busy(); };
  const look = view => send({view});
  const busy = () => status.classList.toggle("fhb-busy", (page.heard || 0) < asked);

  // --- the bar: made once, so that nobody's typing is disturbed
  const control = (tag, name, attributes = {}) => make(tag, {"aria-label": name, title: name, ...attributes});
  const search = control("input", "Search in columns, outputs and errors", {type: "search", placeholder: "Search inputs and outputs", maxlength: 500, dir: "auto"});
  const only = control("select", "Which rows"), won = control("select", "Won by");
  const low = control("input", "Score bound", {type: "number", step: "any"}), lowOf = control("select", "Variant of the score");
  const facet = control("select", "Column to filter by"), value = control("select", "Value of the column");
  const sort = control("select", "Sort by"), down = make("button", {type: "button"});
  const allRows = make("button", {cls: "fhb-chip", type: "button"}), outcomes = make("span", {cls: "fhb-bar fhb-outcomes"});
  allRows.onclick = () => look({only: "", won: "", confusion: []});
  const views = make("div", {cls: "fhb-bar fhb-views", role: "group", "aria-label": "Rows by their outcome"}, allRows, outcomes);
  const chips = make("span", {cls: "fhb-bar"}), clear = make("button", {type: "button", text: "Clear filters"});
  const lowName = make("span"), wonLabel = make("label", {}, "won by", won), lowLabel = make("label", {cls: "fhb-two"}, lowName, low, "of", lowOf);
  const facetLabel = make("label", {cls: "fhb-two"}, "column", facet, value);
  const others = make("details", {cls: "fhb-more"}, make("summary", {text: "More filters"}),
    make("div", {cls: "fhb-bar fhb-filters"}, make("label", {}, "show", only), wonLabel, lowLabel, facetLabel, make("label", {cls: "fhb-two"}, "sort by", sort, down)));
  const whose = control("select", "Variant of the answers"), confusion = make("table", {cls: "fhb-confusion"});
  const labels = make("details", {cls: "fhb-more", hidden: true}, make("summary", {text: "Labels: how often each was expected and answered"}),
    make("div", {cls: "fhb-bar"}, make("label", {}, "answers of", whose), make("span", {cls: "fhb-dim", text: "Click a number to show its rows."})),
    make("div", {cls: "fhb-scroll"}, confusion));
  const bar = make("div", {role: "group", "aria-label": "Search, filters and order"}, make("div", {cls: "fhb-bar"}, search, views), others, labels,
    make("div", {cls: "fhb-bar"}, chips, clear));
  const status = make("span", {cls: "fhb-status", role: "status", "aria-live": "polite"});
  const [first, back, on, last] = [["«", "First page"], ["‹", "Previous page"], ["›", "Next page"], ["»", "Last page"]]
    .map(([text, name]) => make("button", {type: "button", text, "aria-label": name, title: name}));
  const pager = make("div", {cls: "fhb-bar", role: "group", "aria-label": "Pages"}, first, back, on, last, status);
  const thead = make("thead"), tbody = make("tbody");
  const grid = make("table", {cls: "fhb-grid", role: "treegrid", tabindex: 0, "aria-describedby": `${id}-help`}, thead, tbody);
  const scroll = make("div", {cls: "fhb-scroll"}, grid), edge = make("div", {cls: "fhb-edge"}, scroll);
  const detail = make("section", {cls: "fhb-detail", tabindex: -1});
  const help = make("div", {cls: "fhb-help", id: `${id}-help`, text: "Keys: "});
  if (head.variants.length > 1) help.prepend("≠ outputs differ · ");
  [...KEYS, ...(head.can_correct ? [CORRECT_KEY] : [])].forEach(([key, what], n) => help.append(n ? " · " : "", make("kbd", {text: key}), ` ${what}`));
  const main = make("div", {cls: "fhb-main"}, edge);
  const root = make("div", {cls: "fhb"}, make("style"), bar, pager, main, help);
  const inRow = make("tr", {cls: "fhb-in-row", role: "row"}, make("td", {role: "gridcell", colspan: 99}));
  const rowsShown = () => [...tbody.querySelectorAll("tr[data-row]")];
  // Where an opened row is shown: beside the table where there is room, else below its own line, else below the table.
  const placeDetail = () => {
    const isPane = root.clientWidth >= PANE_FROM, line = page.open && rowsShown().find(row => Number(row.dataset.row) === page.open.row);
    const cell = inRow.firstChild, place = isPane || !line ? main : cell;
    main.classList.toggle("fhb-pane", isPane && page.open !== null);
    if (place === cell && line.nextSibling !== inRow) line.after(inRow);
    if (place !== cell) inRow.remove();
    if (detail.parentElement === place) return;
    const had = detail.contains(document.activeElement) ? document.activeElement : null;
    place.append(detail);
    had?.focus({preventScroll: true});
  };

  let typing;
  const later = view => { clearTimeout(typing); typing = setTimeout(() => look(view()), 200); };
  search.oninput = () => later(() => ({search: search.value}));
  low.oninput = () => later(() => ({low: low.value === "" ? null : Number(low.value)}));
  for (const [select, name] of [[only, "only"], [won, "won"], [lowOf, "low_of"], [facet, "facet"], [sort, "sort"]])
    select.onchange = () => look({[name]: select.value});
  value.onchange = () => {
    const kept = page.view.where.filter(([column]) => column !== facet.value).map(([column, text]) => [column, text]);
    const chosen = page.values[value.value];
    if (chosen) look({where: [...kept, [facet.value, chosen[0]]]});
  };
  down.onclick = () => look({down: !page.view.down});
  clear.onclick = () => { search.value = low.value = ""; look({search: "", only: "", won: "", low: null, low_of: "", where: [], confusion: [], facet: ""}); };
  whose.onchange = () => drawConfusion();
  const turn = to => { const wanted = Math.min(Math.max(to, 0), page.pages - 1); if (wanted !== page.page) look({page: wanted}); };
  const leaf = by => send({turn: by});  // from where the kernel is: keys come faster than pages
  first.onclick = () => turn(0); back.onclick = () => leaf(-1);
  on.onclick = () => leaf(1); last.onclick = () => turn(page.pages - 1);

  // --- the table
  const sortBy = key => look(page.view.sort === key ? {down: !page.view.down} : {sort: key, down: /^(score|apart)/.test(key)});
  const swatchOf = n => { const made = make("span", {cls: "fhb-swatch"}); made.style.background = head.colours[n]; return made; };
  const headCell = (name, key, {cls, swatch = null, short = name} = {}) => {
    const known = head.sorts.some(([own]) => own === key), chosen = known && page.view.sort === key;
    const sign = make("span", {cls: chosen ? "fhb-sign" : "fhb-sign fhb-idle", "aria-hidden": "true", text: chosen ? (page.view.down ? "\u00a0↓" : "\u00a0↑") : "\u00a0⇅"});
    const button = make("button", {type: "button", tabindex: -1, title: `Sort by ${name}`}, make("span", {cls: short.length <= NAMED ? "fhb-head fhb-whole-name" : "fhb-head"}, swatch, short), sign);
    button.onclick = () => sortBy(key);
    return make("th", {cls, scope: "col", role: "columnheader", "aria-sort": chosen ? (page.view.down ? "descending" : "ascending") : known ? "none" : undefined},
      known ? button : make("span", {title: name}, swatch, short));
  };
  const drawHead = () => {
    const scored = head.scorer !== "";
    const names = head.columns.map((name, n) => headCell(name, `column:${head.column_ids[n]}`));
    thead.replaceChildren(make("tr", {role: "row"}, headCell(head.pair_on, "row"), ...names,
      ...(head.expected ? [headCell("expected", "expected", {cls: "fhb-expected"})] : []),
      ...head.variants.map((name, n) => headCell(name, `${scored ? "score" : "seconds"}:${head.ids[n]}`, {cls: "fhb-answer", swatch: swatchOf(n), short: head.short[n]}))));
    grid.setAttribute("aria-label", `${head.total} ${head.total === 1 ? "row" : "rows"}, ${head.variants.length} ${head.variants.length === 1 ? "variant" : "variants"}${scored ? `, by ${head.scorer}` : ""}`);
  };
  const cell = (name, cls, ...children) => make("td", {cls, role: "gridcell", "data-name": name}, ...children);
  // The answers have equal columns: each variant the share of the width that the longest answer of the page needs beside
  // the other columns, and no less than is read; where that is too much, the table scrolls.
  let ownWidths = [];
  const share = () => {
    const most = (texts, cap) => Math.min(cap, Math.max(0, ...texts.map(columnsOf)));
    const usual = widths => widths.sort((a, b) => a - b)[Math.floor(0.8 * widths.length)] ?? 0;  // a long error alone widens nothing
    const {rows} = page, answers = Math.min(ANSWER.most, Math.max(0, ...head.ids.map((id, k) => usual(rows.map(row => columnsOf(row.cells[k].text || row.cells[k].status))))));
    ownWidths = head.columns.map((name, k) => most([`${name} ⇅`, ...rows.map(row => row.own[k])], OWN_MOST));
    const others = [most([`${head.pair_on} ⇅`, ...rows.map(row => `${row.label} ≠`)], OTHER_MOST), ...ownWidths,
      ...(head.expected ? [most(["expected ⇅", ...rows.map(row => row.expected ?? "")], OTHER_MOST)] : [])];
    const named = Math.max(ANSWER.least, most(head.short.map(name => `■${name}`), NAMED)), read = Math.max(answers, named), wanted = Math.max(read, most(head.short.map(name => `■${name} ⇅`), NAMED)), all = others.reduce((sum, width) => sum + width + PADDING, 0);
    root.style.setProperty("--fhb-share", `${100 * (wanted + PADDING) / (all + head.variants.length * (wanted + PADDING))}%`);
    root.style.setProperty("--fhb-least", `${Math.min(wanted, ANSWER.read) + PADDING}ch`);
    root.style.setProperty("--fhb-narrow", `${Math.min(read, ANSWER.read) + 1}ch`);  // where a head has no sign
    root.style.setProperty("--fhb-named", `${named + 1}ch`);  // beside an opened row, which has the whole answers
  };
  const inOneLine = said => unbroken(said, part => make("span", {cls: "fhb-unbroken", text: part}));
  const withMarks = said => {  // what was searched for, marked
    const wanted = page.view.search.trim().toLowerCase(), pieces = [];
    let from = 0;
    for (const place of found(said, wanted)) {
      pieces.push(...inOneLine(said.slice(from, place)), make("mark", {text: said.slice(place, place + wanted.length)}));
      from = place + wanted.length;
    }
    return [...pieces, ...inOneLine(said.slice(from))];
  };
  const text = said => make("span", {cls: "fhb-text", dir: directionOf(said)}, ...withMarks(said));
  const rightOf = said => ({true: "fhb-yes", false: "fhb-no"}[said.right] ?? "");
  const score = said => said.score ? make("span", {cls: `fhb-score ${rightOf(said)}${said.best ? " fhb-best" : ""}`, text: scoreOf(said)}) : null;
  const drawRow = (row, n) => make("tr", {role: "row", id: `${id}-${n}`, "aria-rowindex": page.page * page.view.size + n + 2, "data-row": row.row,
      "aria-expanded": String(page.open?.row === row.row)},
    make("th", {scope: "row", role: "rowheader", title: row.differs ? `${row.label}: outputs differ` : row.label}, row.label,
      row.differs ? make("span", {cls: "fhb-differs", role: "img", "aria-label": "outputs differ", text: "≠"}) : null),
    ...row.own.map((said, k) => { const made = cell(head.columns[k], undefined, text(said)); made.style.minWidth = `min(${Math.min(ownWidths[k], OWN_LEAST)}ch, var(--fhb-own, 100ch))`; return made; }),
    ...(head.expected ? [make("td", {cls: "fhb-expected", role: "gridcell", "data-name": "expected"}, text(row.expected ?? ""),
      row.corrected ? make("span", {cls: "fhb-corrected", dir: directionOf(row.corrected), text: row.corrected}) : null)] : []),
    ...row.cells.map((said, k) => cell(head.variants[k], "fhb-answer", said.status ? badge(said.status) : null, text(said.text), score(said))));
  const mark = () => {
    at = Math.min(Math.max(at, 0), Math.max(page.rows.length - 1, 0));
    rowsShown().forEach((row, n) => {
      row.classList.toggle("fhb-at", n === at && page.rows.length > 0);
      row.setAttribute("aria-selected", String(n === at));
      row.classList.toggle("fhb-open", page.open !== null && page.rows[n]?.row === page.open.row);
    });
    if (page.rows.length) grid.setAttribute("aria-activedescendant", `${id}-${at}`); else grid.removeAttribute("aria-activedescendant");
  };
  const show = () => { const row = rowsShown()[at]; if (row && document.activeElement === grid) row.scrollIntoView({block: "nearest"}); };
  tbody.onclick = event => {
    const row = event.target.closest("tr"), n = rowsShown().indexOf(row);
    if (!page.rows[n] || String(getSelection())) return;
    at = n; seeDetail = true; open(page.rows[n].row);
  };
  const open = row => look({open: page.open?.row === row ? null : row});
  const close = () => { look({open: null}); grid.focus(); };

  // --- the opened row
  const corrected = new Set();  // the numbers of corrections that were sent, and of which nothing was heard yet
  const correction = correctionControl({
    labels: () => head.labels.slice(0, -1),
    back: () => (page.open && detail.isConnected ? detail : grid).focus({preventScroll: true}),
    save: values => { send({correct: {row: page.open.row, ...values}}); corrected.add(asked); },
  });
  const piece = ([kind, said, line]) => {
    if (kind === "gap") return make("details", {cls: "fh-gap"}, make("summary", {dir: "ltr", text: line}), make("div", {dir: directionOf(said), text: said}));
    const tag = {here: "ins", there: "del"}[kind] ?? "span", words = said.trimEnd();
    const name = {here: "only in this one", there: "only in the one that it is compared to"}[kind];
    const made = document.createDocumentFragment();
    made.append(make(tag, {cls: kind === "cut" || kind === "uncompared" ? "fhb-gap" : undefined, title: name, dir: tag === "del" ? directionOf(words) : undefined, text: words}), said.slice(words.length));
    return made;
  };
  const changes = (listed, names) => make("div", {cls: "fh-changed"}, make("table", {cls: "fh-changes"},
    make("thead", {}, make("tr", {}, ...["change", "path", ...names].map(name => make("th", {scope: "col", text: name})))),
    make("tbody", {}, ...listed.map(([sign, kind, path, before, after]) => make("tr", {}, make("td", {text: `${sign} ${kind}`}),
      make("td", {}, ...path.map(text => make("span", {cls: "fh-piece", text}))),
      ...[before, after].map((text, n) => make("td", {cls: "fh-value", "data-name": names[n], dir: directionOf(text), text})))))));
  const viewOf = (view, name) => {  // the kernel's view of an output, which escapes all that a model wrote
    const made = make("div", {cls: "fh"});
    made.innerHTML = view;
    for (const shown of made.querySelectorAll(".fh-as")) {
      shown.tabIndex = 0;  // it scrolls, also by keys
      shown.setAttribute("role", "region");
      shown.setAttribute("aria-label", `${name}: output`);
    }
    return made;
  };
  const card = (said, n) => {
    const name = head.variants[n], isReference = n === page.open.baseline && page.open.cards.length > 1;
    const facts = [scoreOf(said), said.seconds, said.repeats].filter(Boolean);
    const whole = viewOf(said.view, name);
    const isDrawn = said.marks.length + said.changes.length > 0;  // how it differs is above it
    const isOpen = n === page.open.baseline || !isDrawn && (!said.said || said.text.length <= SHORT || said.said.startsWith("not compared"));
    const copy = isOpen ? null : whole.querySelector(".fh-copy"), key = copy?.closest("[data-output]").dataset.output;
    if (copy) {  // it stays in sight where the answer itself is folded away
      if (copy.parentElement.childElementCount === 1) copy.parentElement.remove();
      copy.hidden = false;
    }
    return make("div", {cls: "fhb-card", role: "group", "aria-label": name, "data-output": key},
      make("h4", {}, swatchOf(n), make("bdi", {text: name}), said.status !== "completed" ? badge(said.status) : null, make("span", {cls: "fhb-dim"}, ...facts.flatMap((text, n) => [n ? " · " : "", !n && said.score ? make("span", {cls: rightOf(said), text}) : text]))),
      isReference ? make("div", {cls: "fhb-said", text: "The others are compared to this one"}) : null,
      said.said ? make("div", {cls: "fhb-said fh-o-bar"}, make("span", {}, "Compared to ", make("bdi", {text: head.variants[page.open.baseline]}), `: ${said.said}`), copy) : null,
      said.marks.length ? make("div", {cls: `fhb-out fhb-marks${said.is_prose ? " fhb-prose" : ""}`, dir: directionOf(said.text), tabindex: 0, "aria-label": `${name}: differences`, role: "region"}, ...said.marks.map(piece)) : null,
      said.changes.length ? changes(said.changes, [head.variants[page.open.baseline], name]) : null,
      isOpen ? whole : make("details", {cls: "fhb-whole"}, make("summary", {text: "Full text"}), whole));
  };
  const drawDetail = () => {
    const row = page.open, reading = document.activeElement, held = detail.contains(reading);
    const nameOf = one => one.getAttribute("aria-label") ?? one.textContent;
    const name = held && nameOf(reading);
    detail.hidden = row === null;
    placeDetail();
    if (row === null) { detail.replaceChildren(); seeDetail = false; return; }
    detail.setAttribute("aria-label", `${head.pair_on} ${row.label}`);
    const button = (name, said, press) => { const made = make("button", {type: "button", text: said, "aria-label": name, title: name}); made.onclick = press; return made; };
    const baseline = control("select", "Compare with");
    fill(baseline, head.variants.map((name, n) => [head.ids[n], name]), head.ids[row.baseline]);
    baseline.onchange = () => look({baseline: baseline.value});
    const top = make("div", {cls: "fhb-bar"}, make("h3", {text: `${head.pair_on} ${row.label}`}),
      make("span", {cls: "fhb-dim", text: row.place ? `${ordinal(row.place)} of ${page.found.toLocaleString("en")} listed` : "not among the rows shown"}),
      button("Previous row (p)", "‹", () => send({step: -1})), button("Next row (n)", "›", () => send({step: 1})),
      button("Close (Esc)", "Close", close), make("label", {cls: "fhb-against"}, "compare all with", baseline));
    const own = make("div", {cls: "fhb-own"});
    for (const [name, said, left] of [...row.own, ["corrected", row.story, 0]])
      if (said) own.append(make("div", {}, make("b", {text: name}), " ", make("span", {}, make("span", {dir: directionOf(said)}, ...withMarks(said)), left ? ` … (${left} more characters)` : "")));
    correction.show(row.row, row.form);
    detail.replaceChildren(top, own, correction.element, make("div", {cls: "fhb-cards"}, ...row.cards.map(card)));
    const typing = correction.holds(reading) ? reading : null;
    const again = typing ?? (focusDetail ? null : [...detail.querySelectorAll("button, select, [tabindex]")].find(one => nameOf(one) === name));
    if (focusDetail || held) (again ?? detail).focus({preventScroll: true});
    if (focusDetail || held || seeDetail) detail.scrollIntoView({block: "nearest"});
    focusDetail = seeDetail = false;
  };

  // --- what came
  const viewChip = n => {  // kept, so that the focus stays on it
    const chip = make("button", {cls: "fhb-chip", type: "button"});
    chip.onclick = () => { const [field, wanted] = page.counts[n]; look({[field]: page.view[field] === wanted ? "" : wanted}); };
    return chip;
  };
  // The confusion table of one variant: a line for each expected label, a column for each that is answered.
  const isShown = (expected, answered) => page.view.confusion.join("\n") === [whose.value, head.label_ids[expected], head.label_ids[answered]].join("\n");
  const confusedRows = (line, column, count) => {
    const cell = make("td", {cls: line === column ? "fhb-yes" : "fhb-no"});
    if (!count) { cell.className = "fhb-dim"; cell.textContent = "0"; return cell; }
    const wanted = [whose.value, head.label_ids[line], head.label_ids[column]], shown = isShown(line, column);
    const name = `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}: ${head.labels[line]} answered as ${head.labels[column]}`;
    const button = make("button", {type: "button", cls: "fhb-chip", text: count.toLocaleString("en"), "aria-pressed": String(shown), "aria-label": name, title: name});
    button.onclick = () => look({confusion: shown ? [] : wanted});
    cell.append(button);
    return cell;
  };
  const drawConfusion = () => {
    labels.hidden = !head.confusions.length;
    if (labels.hidden) return;
    const known = whose.options.length > 0;
    fill(whose, head.variants.map((name, n) => [head.ids[n], name]), page.view.confusion[0] ?? (known ? whose.value : head.ids[0]));
    const counts = head.confusions[head.ids.indexOf(whose.value)], has = counts.some(line => line.at(-1) > 0);
    const names = has ? head.labels : head.labels.slice(0, -1), focused = confusion.contains(document.activeElement) ? document.activeElement.title : null;
    confusion.replaceChildren(
      make("thead", {}, make("tr", {}, make("th", {scope: "col", text: "expected → answered"}), ...names.map(name => make("th", {scope: "col", dir: directionOf(name), text: name})))),
      make("tbody", {}, ...counts.map((line, n) => make("tr", {}, make("th", {scope: "row", dir: directionOf(head.labels[n]), text: head.labels[n]}),
        ...line.slice(0, names.length).map((count, k) => confusedRows(n, k, count))))));
    if (focused) [...confusion.querySelectorAll("button")].find(button => button.title === focused)?.focus({preventScroll: true});
  };
  const drawBar = () => {
    const view = page.view, scored = head.scorer !== "", variants = head.variants.map((name, n) => [head.ids[n], name]);
    fill(only, head.only, view.only);
    fill(won, [["", "–"], ...variants], view.won);
    fill(lowOf, [["", "any"], ...variants], view.low_of);
    fill(facet, [["", "–"], ...head.own], view.facet);
    const chosen = page.view.where.find(([column]) => column === view.facet);
    fill(value, [["", "any value"], ...page.values.map(([, name, count], n) => [String(n), `${name} (${count.toLocaleString("en")})`])],
      chosen ? String(page.values.findIndex(([text]) => text === chosen[1])) : "");
    fill(sort, head.sorts, view.sort);
    value.hidden = view.facet === "";
    wonLabel.hidden = !scored || variants.length < 2; lowLabel.hidden = !scored; facetLabel.hidden = head.own.length === 0;
    lowName.textContent = head.lower ? "score ≥" : "score ≤";
    if (document.activeElement !== search && search.value !== view.search) search.value = view.search;
    if (document.activeElement !== low && low.value !== String(view.low ?? "")) low.value = view.low ?? "";
    down.textContent = view.down ? "↓" : "↑";
    down.setAttribute("aria-label", view.down ? "Largest first" : "Smallest first"); down.title = down.getAttribute("aria-label");
    chips.replaceChildren(...view.where.map(([column, , name]) => {
      const chip = make("button", {cls: "fhb-chip", type: "button", text: `${name} ✕`, "aria-label": `Remove the filter ${name}`});
      chip.onclick = () => look({where: view.where.filter(([own]) => own !== column).map(([own, text]) => [own, text])});
      return chip;
    }));
    if (view.confusion.length) {
      const [variant, expected, answered] = view.confusion, nameOf = id => head.labels[head.label_ids.indexOf(id)] ?? id;
      const name = `${head.variants[head.ids.indexOf(variant)]}: ${nameOf(expected)} answered as ${nameOf(answered)}`;
      const chip = make("button", {cls: "fhb-chip", type: "button", text: `${name} ✕`, "aria-label": `Remove the filter ${name}`});
      chip.onclick = () => look({confusion: []});
      chips.append(chip);
    }
    drawConfusion();
    allRows.replaceChildren("all ", make("span", {cls: "fhb-count", text: page.total.toLocaleString("en")}));
    allRows.setAttribute("aria-pressed", String(!view.only && !view.won && !view.confusion.length));
    while (outcomes.childElementCount > page.counts.length) outcomes.lastChild.remove();
    while (outcomes.childElementCount < page.counts.length) outcomes.append(viewChip(outcomes.childElementCount));
    page.counts.forEach(([field, wanted, name, count], n) => {
      const chip = outcomes.children[n], isOn = view[field] === wanted;
      chip.replaceChildren(name, ...(count === null ? [] : [" ", make("span", {cls: "fhb-count", text: count.toLocaleString("en")})]));
      chip.setAttribute("aria-pressed", String(isOn));
    });
    clear.hidden = !(view.search || view.only || view.won || view.low !== null || view.where.length || view.confusion.length);
  };
  const drawPager = () => {
    const n = number => number.toLocaleString("en"), of = page.found === page.total ? "" : `${n(page.found)} of `;
    const turned = page.pages > 1 ? `page ${n(page.page + 1)} of ${n(page.pages)} · ` : "";
    const rows = page.rows.length ? `${turned}${of}${n(page.total)} ${page.total === 1 ? "row" : "rows"}`
      : page.total ? `0 of ${n(page.total)} rows match the filters` : "no rows";
    const said = page.said ? `${rows} · ${page.said}` : rows;
    if (status.textContent !== said) status.textContent = said;
    first.disabled = back.disabled = page.page === 0;
    on.disabled = last.disabled = page.page >= page.pages - 1;
    busy();
  };
  const draw = () => {
    const place = page.rows[at]?.row, before = page;
    head = model.get("head"); page = model.get("page");
    asked = Math.max(asked, page.heard || 0);
    const style = root.firstChild, hide = `.${CSS.escape(head.static)}{display:none}`;
    if (style.textContent !== hide) style.textContent = hide;
    const turned = before.page !== page.page;
    const kept = page.rows.findIndex(row => row.row === (page.open && page.open.row !== before.open?.row ? page.open.row : place));
    at = kept >= 0 ? kept : toEnd ? page.rows.length - 1 : turned ? 0 : at;
    toEnd = false;
    if (leaving && (page.heard || 0) >= leaving.number) {
      if (turned && kept < 0) at = leaving.by < 0 ? page.rows.length - 1 : 0;
      leaving = null;
    }
    for (const told of page.corrections ?? []) if (corrected.delete(told.number)) correction.told(told.row, told.problem);
    share();
    drawBar(); drawPager(); drawHead();
    grid.setAttribute("aria-rowcount", page.found + 1);
    const reading = detail.contains(document.activeElement) ? document.activeElement : null;
    tbody.replaceChildren(...(page.rows.length ? page.rows.map(drawRow)
      : [make("tr", {role: "row"}, make("td", {cls: "fhb-none", role: "gridcell", colspan: 99, text: page.total ? "No rows match the filters." : "No rows yet."}))]));
    if (turned) scroll.scrollTop = 0;
    placeDetail();
    reading?.focus({preventScroll: true});
    mark(); show(); measure();
    if (JSON.stringify(before.open) !== JSON.stringify(page.open) || !detail.childElementCount || page.found !== before.found) drawDetail();
    resume();
  };
  // Beside an opened row, which has all of them, the table leaves out its own columns, the last one first, as far as the
  // answers have no room: none of these is out of sight.
  const fit = () => {
    const cellsOf = column => [thead.rows[0], ...rowsShown()].map(row => row?.cells[column]).filter(Boolean);
    const setHidden = (column, hidden) => cellsOf(column).forEach(one => { one.hidden = hidden; });
    head.columns.forEach((_, n) => setHidden(n + 1, false));
    for (let n = head.columns.length; n > 0 && main.classList.contains("fhb-pane") && scroll.scrollWidth > scroll.clientWidth; n -= 1) setHidden(n, true);
  };
  // The second column that stays in sight stands behind the first, as wide as that is.
  const measure = () => { fit(); root.style.setProperty("--fhb-first", `${thead.rows[0]?.cells[0]?.offsetWidth ?? 0}px`); sayMore(); };
  const sayMore = () => {
    const sign = parseFloat(getComputedStyle(edge).paddingRight);  // the room of the sign, which comes and goes with it
    edge.classList.toggle("fhb-goes-on", scroll.scrollLeft + scroll.clientWidth + sign < scroll.scrollWidth - 1);
    edge.classList.toggle("fhb-went-on", scroll.scrollLeft > 0);
    edge.classList.toggle("fhb-more-below", scroll.scrollTop + scroll.clientHeight < scroll.scrollHeight - 1);
  };
  scroll.onscroll = sayMore;
  const redraw = () => keepFocus(root, draw, grid);

  // --- keys
  const leave = by => { leaf(by); leaving = {number: asked, by}; };
  const resume = () => { while (waiting.length && !leaving) waiting.shift()(); };
  const step = by => {
    if (at + by < 0) { if (page.page > 0) leave(-1); }
    else if (at + by >= page.rows.length) { if (page.page < page.pages - 1) leave(1); }
    else { at += by; mark(); show(); }
  };
  const gridKeys = {
    ArrowDown: () => step(1), j: () => step(1), ArrowUp: () => step(-1), k: () => step(-1),
    ArrowRight: () => leaf(1), PageDown: () => leaf(1), ArrowLeft: () => leaf(-1), PageUp: () => leaf(-1),
    Home: () => { at = 0; turn(0); mark(); show(); }, End: () => { toEnd = true; at = page.rows.length - 1; turn(page.pages - 1); mark(); show(); },
    Enter: () => { if (page.rows[at]) { focusDetail = page.open?.row !== page.rows[at].row; open(page.rows[at].row); } },
    " ": () => { if (page.rows[at]) open(page.rows[at].row); },
  };
  const keys = {
    "/": () => { search.focus(); search.select(); }, f: () => { others.open = true; only.focus(); },
    n: () => { if (page.open) send({step: 1}); }, p: () => { if (page.open) send({step: -1}); },
    b: () => { if (page.open) send({compare: 1}); },
    c: () => { if (page.open?.form) correction.open(); },
    Escape: () => { if (page.open) close(); },
  };
  const pressed = event => {
    event.stopImmediatePropagation();
    if (correction.holds(event.target)) { correction.key(event); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target.matches("input, select")) {
      if (event.key === "Escape") { event.preventDefault(); grid.focus(); }
      if (event.key === "Enter" && target.matches("input")) { event.preventDefault(); clearTimeout(typing); look({search: search.value, low: low.value === "" ? null : Number(low.value)}); grid.focus(); }
      return;
    }
    const press = (target === grid ? gridKeys[event.key] : undefined) ?? keys[event.key];
    if (!press) return;
    event.preventDefault();
    if (event.repeat && ONCE.has(event.key)) return;
    if (!leaving || target !== grid) press(); else if (waiting.length < 500) waiting.push(press);
  };
  const disown = ownKeys(() => root, pressed);

  // --- all of an output, which the kernel has
  const wanted = new Map();
  const allOf = (key, form = "") => new Promise(resolve => {
    const id = `${key} ${form}`, timer = setTimeout(() => wanted.get(id)?.(null), PATIENCE_MS);
    wanted.set(id, answer => { clearTimeout(timer); wanted.delete(id); resolve(answer); });
    model.send({output: key, form});
  });
  const hear = answer => wanted.get(`${answer?.output} ${answer?.form}`)?.(answer);
  const endServing = serveOutputs(detail, allOf);
  model.on("msg:custom", hear);

  el.append(root);
  draw(); drawDetail();
  let width = 0;
  const resized = new ResizeObserver(() => requestAnimationFrame(() => {
    if (root.clientWidth !== width) { width = root.clientWidth; placeDetail(); measure(); }
  }));
  resized.observe(root);
  model.on("change:page", redraw);
  model.on("change:head", redraw);
  return () => { clearTimeout(typing); resized.disconnect(); disown(); endServing(); model.off("msg:custom", hear); model.off("change:page", redraw); model.off("change:head", redraw); };
}

export default {render};
