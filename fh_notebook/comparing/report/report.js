// Pages the rows of a report. They are data in the page (JSON in a script element that runs nothing), and everything
// of them is put in as text (textContent): what a model said can never become markup or script. The one HTML is the
// view of an output, in which Python has escaped it; the page's policy lets nothing of it run or fetch.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const el = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const inOneLine = (text) => unbroken(text, (part) => el("bdi", "fh-unbroken", part));
  const said = (tag, className, text) => {  // what somebody else wrote, in its own direction
    const made = el(tag, className);
    made.append(...inOneLine(String(text ?? "")));
    made.dir = directionOf(String(text ?? ""));
    return made;
  };
  const SAID_MS = 2000;
  const WORDS = { unknown: "outcome unknown", awaiting_approval: "waiting for a decision" };  // as above the rows
  const state = { page: 0, size: 25, rows: data.rows, which: "", words: [], by: -1, down: false };

  const haystack = (row) => {
    if (row.text === undefined) {
      const runs = row.runs.flatMap((run) => (run ? [run.output, run.error, run.client_action] : []));
      row.text = [String(row.pair), row.expected, row.correction, ...row.inputs, ...runs].filter(Boolean).join("\n").toLowerCase();
    }
    return row.text;
  };
  const scores = (row) => row.runs.filter((run) => run && run.score !== undefined).map((run) => run.score);
  const isLow = (score) => (data.lower ? score >= data.low : score <= data.low);
  const has = (row, filter) => !filter || (filter === "low" ? scores(row).some(isLow) : row.matches.includes(filter));
  const spread = (row) => {
    const all = scores(row);
    return all.length ? Math.max(...all) - Math.min(...all) : -1;
  };

  // What each column is sorted by, in the order of the heads. Numbers in a text count as numbers.
  const keys = [
    (row) => String(row.pair),
    ...(data.inputs.length ? [(row) => row.inputs.join("\n")] : []),
    ...(data.expected ? [(row) => row.expected] : []),
    ...data.variants.map((_, n) => (row) => row.runs[n]?.score ?? row.runs[n]?.output ?? null),
  ];
  const collator = new Intl.Collator("en", { numeric: true });
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b));
  const sorted = (rows, key, sign) => [...rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    return a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b);  // what is missing is last
  });

  const choose = () => {
    state.words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (row) => has(row, state.which) && has(row, at("only").value);
    state.rows = data.rows.filter((row) => wanted(row) && state.words.every((word) => haystack(row).includes(word)));
    if (state.by >= 0) state.rows = sorted(state.rows, keys[state.by], state.down ? -1 : 1);
    else if (at("order").value === "spread") state.rows = [...state.rows].sort((a, b) => spread(b) - spread(a));
    state.page = 0;
    show();
  };

  const heads = [...document.querySelectorAll("#rows thead th")].map((th, n) => {
    const button = el("button", "sort");
    const sign = el("span", "sign", "\u00a0⇅");
    sign.setAttribute("aria-hidden", "true");
    button.type = "button";
    button.title = `Sort by ${th.textContent}`;
    button.append(...th.childNodes, sign);
    th.append(button);
    button.addEventListener("click", () => {  // up, down, and as before
      const again = state.by === n;
      sortBy(again && state.down ? -1 : n, again && !state.down);
    });
    return { th, sign };
  });
  const sortBy = (n, down) => {
    Object.assign(state, { by: n, down });
    heads.forEach(({ th, sign }, k) => {
      th.setAttribute("aria-sort", k !== n ? "none" : down ? "descending" : "ascending");
      sign.textContent = k !== n ? "\u00a0⇅" : down ? "\u00a0↓" : "\u00a0↑";
    });
    choose();
  };

  const chips = [...document.querySelectorAll("#tools .chip")];
  for (const chip of chips) {
    chip.append(" ", el("span", "dim", data.rows.filter((row) => has(row, chip.value)).length.toLocaleString("en")));
    chip.addEventListener("click", () => {
      state.which = state.which === chip.value ? "" : chip.value;
      for (const one of chips) one.setAttribute("aria-pressed", String(one.value === state.which));
      choose();
    });
  }

  // Marks what was searched for in the shown rows, and opens what it is folded in. Text nodes alone are touched.
  const mark = (root) => {
    if (!state.words.length) return;
    const found = new RegExp(state.words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("button, style, .label, .in, .score")) texts.push(walker.currentNode);
    for (const text of texts) {
      const pieces = [];
      let from = 0;
      for (const { 0: word, index } of text.data.matchAll(found)) {
        pieces.push(text.data.slice(from, index), el("mark", "", word));
        from = index + word.length;
      }
      if (from) text.replaceWith(...pieces, text.data.slice(from));
    }
    for (const box of root.querySelectorAll(".fold:has(mark) + .more")) box.click();
    for (const fold of root.querySelectorAll("details:has(mark)")) fold.open = true;
  };

  // A huge text is all there once it is opened; until then a browser lays out its beginning alone. What is searched for
  // may be anywhere in it.
  const FOLDED_CHARS = 5000;
  const foldable = (text, className) => {
    const start = state.words.length ? text : text.slice(0, FOLDED_CHARS);
    const box = said("div", className, start);
    if (text.length < 420 && text.split("\n").length < 8) return [box];
    box.classList.add("fold");
    const more = el("button", "more", "more");
    more.type = "button";
    more.setAttribute("aria-expanded", "false");
    more.addEventListener("click", () => {
      const folded = box.classList.toggle("fold");
      if (start !== text) box.replaceChildren(...inOneLine(folded ? start : text));
      more.textContent = folded ? "more" : "less";
      more.setAttribute("aria-expanded", String(!folded));
    });
    return [box, more];
  };
  const cell = (name, ...parts) => {
    const made = el("td");
    made.append(el("span", "label", name), ...parts);
    return made;
  };
  const scored = (run, best) => {
    const [score, ...others] = (run.facts ?? "").split(" · ");  // a line ends before a dot, not behind it
    const facts = [score, ...(best ? [best] : []), ...others].filter(Boolean).join(" ·\u00a0");
    const made = el("span", "score", facts.replaceAll(/(?<=\d) s\b/g, "\u00a0s"));
    if (best) made.classList.add("only");
    if (data.yesNo && run.score === 1) made.classList.add("yes");
    if (data.yesNo && run.score === 0) made.classList.add("no");
    return made;
  };
  const copying = (run) => {
    const name = run.left ? `Copy the first ${Array.from(run.output).length.toLocaleString("en")} characters` : "Copy";
    const made = el("button", "copy", name);
    made.type = "button";
    made.title = run.left ? run.left.slice(1).trim() : "Copy all of the output to the clipboard";
    made.addEventListener("click", async () => {
      let came = "Copied";
      try { await navigator.clipboard.writeText(run.output); } catch { came = "The browser refused the clipboard."; }
      made.textContent = came;
      clearTimeout(made.said);  // of a click just before: what this one says stays as long
      made.said = setTimeout(() => { made.textContent = name; }, SAID_MS);
    });
    return made;
  };
  const LINE = 40;  // characters: what is no longer is copied by hand, and 75 buttons a page hide the answers
  const isLong = (text) => text.length > LINE || text.includes("\n");
  const answer = (run, name, best) => {
    if (!run) return cell(name, el("span", "dim", "no output"));
    const parts = [];
    if (run.view !== undefined) {
      const view = el("div", "fh");
      view.innerHTML = run.view;
      parts.push(view);
    } else if (run.output !== undefined) parts.push(...foldable(run.output, "out"));
    if (run.status) parts.push(said("span", run.status === "failed" ? "err" : "open", (WORDS[run.status] ?? run.status) + (run.error ? ": " + run.error : "")));
    if (run.client_action) parts.push(said("div", "dim", "→ Fetch Hive: " + run.client_action));
    const end = el("div", "end");
    end.append(scored(run, best), ...(run.output && (isLong(run.output) || run.view !== undefined) ? [copying(run)] : []));
    parts.push(end);
    if (run.left) parts.push(el("div", "dim", run.left));
    return cell(name, ...parts);
  };
  const inputs = (texts) => {  // one line an input: its name and what it is
    const made = el("dl", "inputs");
    texts.forEach((text, i) => {
      if (text === null) return;
      const value = el("dd");
      value.append(...foldable(text, "out"));
      made.append(said("dt", "in", data.inputs[i]), value);
    });
    return made;
  };
  const line = (row) => {
    const made = el("tr");
    const key = cell(data.pairOn, said("span", "", row.pair));
    key.classList.add("key");
    if (row.matches.includes("different")) {
      const sign = el("span", "dim", " ≠");
      sign.title = "outputs differ";
      sign.setAttribute("role", "img");
      sign.setAttribute("aria-label", "outputs differ");
      key.append(sign);
    }
    made.append(key);
    if (data.inputs.length) {
      made.append(cell("inputs", inputs(row.inputs)));
    }
    if (data.expected) made.append(cell("expected", ...(row.expected === null ? [] : foldable(row.expected, "out")),
      ...(row.correction ? [said("div", "correction", row.correction)] : [])));
    const word = (run) => data.onlyRight && row.runs.every((other) => other.score === (other === run ? 1 : 0)) ? data.onlyRight : "best";
    row.runs.forEach((run, i) => made.append(answer(run, data.variants[i], row.matches.includes(`won:${data.places[i]}`) ? word(run) : "")));
    return made;
  };

  const show = () => {
    const pages = Math.max(1, Math.ceil(state.rows.length / state.size));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const begin = state.page * state.size;
    const shown = state.rows.slice(begin, begin + state.size);
    at("body").replaceChildren(...shown.map(line));
    mark(at("body"));
    // As the browser of rows in a notebook says it.
    const n = (number) => number.toLocaleString("en"), found = state.rows.length, total = data.rows.length;
    at("where").textContent = found
      ? `${pages > 1 ? `page ${n(state.page + 1)} of ${n(pages)} · ` : ""}${found < total ? `${n(found)} of ` : ""}${n(total)} ${total === 1 ? "row" : "rows"}`
      : `0 of ${n(total)} rows match the filters`;
    at("first").disabled = at("back").disabled = state.page === 0;
    at("on").disabled = at("last").disabled = state.page >= pages - 1;
  };
  const turn = (by) => { state.page += by; show(); at("tools").scrollIntoView({ block: "start" }); };

  // Headers stay below the toolbar, which is as high as it needs to be.
  const below = () => document.documentElement.style.setProperty("--below", `${at("tools").offsetHeight}px`);
  new ResizeObserver(below).observe(at("tools"));
  at("tools").hidden = false;
  at("search").addEventListener("input", choose);
  at("order").addEventListener("change", () => sortBy(-1, false));
  at("only").addEventListener("change", choose);
  at("size").addEventListener("change", () => { state.size = Number(at("size").value); state.page = 0; show(); });
  at("back").addEventListener("click", () => turn(-1));
  at("on").addEventListener("click", () => turn(1));
  at("first").addEventListener("click", () => turn(-Infinity));
  at("last").addEventListener("click", () => turn(Infinity));
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft" && !at("back").disabled) turn(-1);
    if (event.key === "ArrowRight" && !at("on").disabled) turn(1);
    if (event.key === "/") { event.preventDefault(); at("search").focus(); }
  });
  sortBy(-1, false);
})();
