// Blind rating by keys. Rules of this file:
// - What a model said is set as text, by `make` of page.js, or is the kernel's view of an output, which escapes it. A
//   picture of another machine is asked for after a click only.
// - A key is an event with a number. Events wait in a queue, are sent in order, one message at a time, and leave the
//   queue only when the kernel says that they are in the store; what it never says is sent again. The kernel takes the
//   same event twice as one, so none is lost and none is double. The queue lies in localStorage too: when the kernel
//   is killed between a key and its commit, the next one is sent what was left.
// - A reader never sees whose an output is: the page has numbers of items, and views without names and hosts of files.

const AHEAD = 20; // items that are here before they are shown, so that no key waits for the kernel
const RESEND_MS = 4000;
const KEPT = 'fh-rate:';
const AGAIN = 'what is skipped has no rating; cmp.rate(skipped=True) shows it again';

const CSS = `
.fh-rate-static{display:none}
.fh-rate{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.45;box-sizing:border-box;
  color:var(--jp-ui-font-color1,inherit);border:1px solid var(--jp-border-color2,rgba(128,128,128,.4));border-radius:6px;
  padding:10px 12px;max-width:100%;outline:none;margin:2px}
.fh-rate *{box-sizing:border-box}
.fh-rate:focus-within{border-color:var(--jp-brand-color1,currentColor);box-shadow:0 0 0 1px var(--jp-brand-color1,currentColor)}
.fh-rate-head{display:flex;flex-wrap:wrap;gap:2px 14px;align-items:baseline}
.fh-rate-head strong{font-size:14px}
.fh-rate-dim{color:var(--jp-ui-font-color2,inherit)}
.fh-rate-count{font-variant-numeric:tabular-nums;margin-left:auto}
.fh-rate-bar{height:4px;border-radius:2px;margin:6px 0 10px;background:var(--jp-border-color2,rgba(128,128,128,.3));overflow:hidden}
.fh-rate-bar i{display:block;height:100%;width:0;background:var(--jp-brand-color1,currentColor)}
.fh-rate .fh-rate-about{margin:0 0 12px;display:grid;grid-template-columns:fit-content(32%) minmax(0,1fr);gap:2px 12px;
  max-height:12em;overflow:auto}
.fh-rate .fh-rate-about dt{float:none;width:auto;padding:0;font-weight:normal;color:var(--jp-ui-font-color2,inherit);overflow-wrap:anywhere;max-width:12em}
.fh-rate .fh-rate-about dd{float:none;width:auto;padding:0;margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.fh-rate kbd.fh-rate-bare{margin-right:0}
.fh-rate-panes{min-height:8em;display:flex;flex-wrap:wrap;gap:10px;align-items:stretch}
.fh-rate-panes:has(.fh-rate-over){min-height:0}
.fh-rate-side{flex:1 1 230px;min-width:0;display:flex;flex-direction:column;gap:8px;align-items:flex-start}
.fh-rate-side>.fh-rate-pane{align-self:stretch}
.fh-rate-pane{flex:1 1 auto;min-width:0;display:flex;border:1px solid var(--jp-border-color2,rgba(128,128,128,.4));
  border-radius:4px;background:var(--jp-layout-color1,transparent)}
.fh-rate-name{flex:none;width:26px;text-align:center;font-weight:600;padding:8px 0;
  border-right:1px solid var(--jp-border-color2,rgba(128,128,128,.4));background:var(--jp-layout-color2,transparent)}
.fh-rate-view{flex:1;min-width:0;max-height:28em;overflow:auto}
.fh-rate-view>.fh-o{border:0!important;background:none!important}
.fh-rate-keys{display:flex;flex-wrap:wrap;gap:6px;margin-top:10px}
.fh-rate button{font:inherit;color:inherit;cursor:pointer;padding:3px 12px;border-radius:4px;min-height:28px;max-width:100%;
  overflow-wrap:anywhere;border:1px solid var(--jp-border-color1,rgba(128,128,128,.6));
  background:var(--jp-layout-color1,transparent)}
.fh-rate button:hover:enabled{background:var(--jp-layout-color2,rgba(128,128,128,.15))}
.fh-rate button:disabled{opacity:.45;cursor:default}
.fh-rate button:focus-visible{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:1px}
.fh-rate kbd{font-family:var(--jp-code-font-family,monospace);font-weight:600;font-size:12px;margin-right:6px;padding:0 5px;
  border:1px solid var(--jp-border-color1,rgba(128,128,128,.6));border-radius:3px;background:var(--jp-layout-color1,transparent);color:inherit}
.fh-rate-more{display:flex;flex-wrap:wrap;gap:6px;margin-left:auto}
.fh-rate-foot{margin-top:8px;min-height:1.5em;display:flex;flex-wrap:wrap;gap:2px 14px}
.fh-rate-problem{color:color-mix(in srgb,var(--jp-error-color1,currentColor) 70%,var(--jp-ui-font-color1,currentColor));
  overflow-wrap:anywhere}
.fh-rate-problem:empty{display:none}
.fh-rate-told p{margin:6px 0;font-weight:600;overflow-wrap:anywhere}
.fh-rate:focus-within .fh-rate-hint{display:none}
.fh-rate [hidden]:not(.fh-o *){display:none!important}
`;

const randomName = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');
};

// The queue of keys: kept here and in localStorage until the kernel has committed them.
class Outbox {
  constructor(client, send) {
    this.client = client;
    this.send = send;
    this.events = [];
    this.seq = 0;
    this.message = 0;
    this.inFlight = new Map(); // number of a message that has no answer yet -> the events in it
    this.timer = 0; // runs while a message is waited for
    this.slot = null;
  }

  open(fingerprint) {
    const prefix = `${KEPT}${fingerprint}:`;
    this.slot = prefix + this.client;
    const left = [];
    for (const key of this.others(prefix)) {
      try {
        left.push(...JSON.parse(localStorage.getItem(key)));
      } catch { /* what cannot be read keeps nobody from the rest */ }
      localStorage.removeItem(key); // they are this page's now, and kept below
    }
    this.events = [...left.filter(event => event && typeof event === 'object'), ...this.events];
    this.keep();
    this.flush();
  }

  others(prefix) {
    try {
      return Object.keys(localStorage).filter(key => key.startsWith(prefix) && key !== this.slot);
    } catch { return []; } // a page without storage has no memory, and works
  }

  add(event) {
    const whole = { client: this.client, seq: ++this.seq, ...event };
    this.events.push(whole);
    this.keep();
    this.flush();
    return `${whole.client}-${whole.seq}`;
  }

  keep() {
    if (!this.slot) return;
    try {
      if (this.events.length) localStorage.setItem(this.slot, JSON.stringify(this.events));
      else localStorage.removeItem(this.slot);
    } catch { /* as above */ }
  }

  flush() {
    if (this.timer || !this.events.length || !this.slot) return;
    const part = this.events.slice(0, 200);
    this.inFlight.set(++this.message, new Set(part));
    this.timer = setTimeout(() => { this.timer = 0; this.flush(); }, RESEND_MS);
    this.send({ kind: 'events', client: this.client, message: this.message, events: part });
  }

  acknowledged(message) {
    const sent = this.inFlight.get(message);
    if (!sent) return;
    clearTimeout(this.timer);
    this.timer = 0;
    // An answer may come after its events were sent again: they are in the store, and what comes of that is nothing new.
    for (const number of this.inFlight.keys()) if (number <= message) this.inFlight.delete(number);
    this.events = this.events.filter(event => !sent.has(event)); // others may have come before them, from another page
    this.keep();
    this.flush();
  }

  close() { clearTimeout(this.timer); }
}

function render({ model, el }) {
  const client = randomName();
  const send = content => { try { model.send(content); } catch { /* no kernel: it is sent again */ } };
  const outbox = new Outbox(client, send);
  let state = null, current = null, shownAt = 0, asking = false, problem = '';
  const queue = [], past = [], early = [];
  const held = () => [...(current ? [current] : []), ...queue, ...past.map(one => one.item)];

  // --- what there is to see

  const root = make('div', {cls: 'fh-rate'});
  root.tabIndex = 0;
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', 'Blind rating');
  const style = make('style', {text: CSS});
  const head = make('div', {cls: 'fh-rate-head'});
  const title = make('strong', {text: 'Blind rating'});
  const who = make('span', {cls: 'fh-rate-dim fh-rate-who'});
  const count = make('span', {cls: 'fh-rate-dim fh-rate-count'});
  head.append(title, who, count);
  const blind = make('div', {cls: 'fh-rate-dim fh-rate-blind'});
  const bar = make('div', {cls: 'fh-rate-bar'}), filled = make('i');
  bar.append(filled);
  const about = make('dl', {cls: 'fh-rate-about'});
  const panes = make('div', {cls: 'fh-rate-panes'});
  panes.setAttribute('aria-live', 'polite');
  const result = make('div', {cls: 'fh-rate-told'});
  const keys = make('div', {cls: 'fh-rate-keys'});
  const foot = make('div', {cls: 'fh-rate-foot'});
  const hint = make('span', {cls: 'fh-rate-dim fh-rate-hint', text: 'Click here to use the keys.'});
  const saving = make('span', {cls: 'fh-rate-dim fh-rate-saving'});
  const trouble = make('span', {cls: 'fh-rate-problem'});
  trouble.setAttribute('role', 'alert');
  foot.append(hint, saving, trouble);
  const sheet = make('div', {});
  const correction = correctionControl({
    key: 'c',
    back: () => root.focus({ preventScroll: true }),
    save: values => send({ kind: 'correct', client, n: current.n, held: held().map(item => item.n), ...values }),
  });
  root.append(style, sheet, head, blind, bar, about, correction.element, panes, result, keys, foot);
  el.append(root);

  let drawn = null;  // what the panes show: only another item is drawn, so what a person opened stays
  const buttons = new Map();
  const button = (choice, key, words) => {
    const made = make('button', {cls: `fh-rate-${choice}`, type: 'button'});
    made.append(make('kbd', {cls: words ? '' : 'fh-rate-bare', text: key}), words);
    made.addEventListener('click', () => press(choice));
    buttons.set(choice, made);
    return made;
  };

  // Of two outputs, the button of each stands under its text; what concerns both is below them.
  function showKeys() {
    buttons.clear();
    drawn = null;
    const answers = state.answers.map((words, place) => button(String(place + 1), String(place + 1), words));
    const tie = state.pair ? [button('tie', '0', 'equally good, or equally bad')] : [];
    const skip = button('skip', 's', 'skip');
    skip.title = AGAIN;
    keys.replaceChildren(
      ...(state.pair ? [] : answers), ...tie, make('span', {cls: 'fh-rate-more'}, skip, button('undo', 'u', 'undo the last'),
        button('result', 'r', 'show the result')),
    );
  }

  const side = (name, view) =>
    name ? make('div', {cls: 'fh-rate-side'}, pane(name, view), buttons.get(name)) : pane(name, view);

  // The one HTML that a page takes: the kernel's view of an output, which escapes all that a model wrote.
  const pane = (name, view) => {
    const made = make('section', {cls: 'fh-rate-pane'});
    if (name) made.append(make('div', {cls: 'fh-rate-name', text: name}));
    const shown = make('div', {cls: 'fh-rate-view fh', tabindex: 0, role: 'region', 'aria-label': name ? `Output ${name}` : 'Output'});
    shown.innerHTML = view;
    made.append(shown);
    return made;
  };
  const asked = new Map();
  const allOf = (key, form = '') => new Promise(resolve => {
    const id = `${key} ${form}`, timer = setTimeout(() => asked.get(id)?.(null), RESEND_MS);
    asked.set(id, answer => { clearTimeout(timer); asked.delete(id); resolve(answer); });
    send({ kind: 'output', client, key, form });
  });
  const endServing = serveOutputs(panes, allOf);

  const isOver = () => state && !current && !queue.length && !outbox.events.length && state.left === 0;

  function draw() {
    keepFocus(root, show, root);
  }

  function show() {
    trouble.textContent = problem;
    if (!state) { count.textContent = 'loading…'; return; }
    const change = outbox.events.reduce((sum, event) => sum + (event.choice === 'undo' ? -1 : 1), 0);
    const done = Math.max(0, Math.min(state.total, state.total - state.left + change));
    title.textContent = state.question;
    who.textContent = `you rate as ${state.rater}`;
    blind.textContent = state.blind;
    const skipped = state.skipped ? `, ${state.skipped.toLocaleString('en')} skipped` : '';
    count.textContent = `${done.toLocaleString('en')} of ${state.total.toLocaleString('en')} rated${skipped}`;
    filled.style.width = `${100 * done / Math.max(1, state.total)}%`;
    const over = isOver();
    about.replaceChildren(...(current ? current.about : []).flatMap(([name, text]) => [make('dt', {text: name}), make('dd', {dir: directionOf(text), text: text})]));
    about.hidden = !current || !current.about.length;
    correction.show(current?.n ?? null, current?.form ?? null);
    if (current) {
      if (drawn !== current) panes.replaceChildren(...current.views.map((view, place) => side(state.pair ? String(place + 1) : '', view)));
      drawn = current;
    } else {
      drawn = null;
      panes.replaceChildren(make('div', {cls: over ? 'fh-rate-dim fh-rate-over' : 'fh-rate-dim', text: over ? 'Nothing is left to rate.' : 'loading…'}));
    }
    for (const [choice, made] of buttons) {
      made.hidden = choice === 'result' ? !over : over && choice !== 'undo';
      made.disabled = choice === 'undo' ? !past.length : choice !== 'result' && !current;
    }
    if (!over) result.replaceChildren();
    const waiting = outbox.events.length;
    saving.textContent = waiting ? `saving ${waiting}…` : done ? (state.kept ? `${done.toLocaleString('en')} ${done === 1 ? 'rating' : 'ratings'} saved` : 'not saved (store=None)') : '';
    if (state.skipped) saving.textContent += `; ${AGAIN}`;
    root.dataset.done = done;
    root.dataset.saved = waiting ? 'no' : 'yes';
  }

  // --- what is next

  function next() {
    current = queue.shift() ?? null;
    shownAt = performance.now();
    refill();
  }

  function refill() {
    if (!state) return;
    const isDry = !queue.length && !current && state.cursor === null;
    if (isDry && !outbox.events.length && state.left > 0) state.cursor = 0; // another page took something back
    if (!asking && state.cursor !== null && queue.length < AHEAD) {
      asking = true;
      send({ kind: 'more', client, cursor: state.cursor });
    }
  }

  function take(items, cursor) {
    const here = new Set([...queue, ...(current ? [current] : [])].map(item => item.n));
    for (const event of outbox.events) if (event.choice !== 'undo') here.add(event.n);
    queue.push(...items.filter(item => !here.has(item.n)));
    state.cursor = cursor;
    asking = false;
    if (current) refill(); else next();
    while (early.length && current) rate(early.shift());
    if (isOver()) early.length = 0;
    draw();
  }

  // --- keys

  const KEYS = { 0: 'tie', t: 'tie', s: 'skip', u: 'undo', r: 'result' };

  function press(choice) {
    if (choice === 'result') { if (isOver()) send({ kind: 'result', client }); return; }
    if (!state) { if (choice === 'undo') early.pop(); else early.push(choice); return; }
    if (!buttons.has(choice)) return;
    if (choice === 'undo') { undo(); return; }
    if (current) rate(choice);
    else if (!isOver()) early.push(choice); // typed ahead of the kernel: it counts as soon as there is something to rate
    draw();
  }

  function rate(choice) {
    if (!buttons.has(choice)) return;
    const item = current, seconds = (performance.now() - shownAt) / 1000;
    past.push({ item, uid: outbox.add({ n: item.n, choice, seconds }) });
    next();
  }

  function undo() {
    if (early.length) { early.pop(); return; }
    const last = past.pop();
    if (!last) return;
    outbox.add({ n: last.item.n, choice: 'undo', of: last.uid, seconds: 0 });
    if (current) queue.unshift(current);
    queue.unshift(last.item);
    next();
    draw();
  }

  const disown = ownKeys(() => root);
  root.addEventListener('keydown', event => {
    if (correction.holds(event.target)) { event.stopPropagation(); correction.key(event); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || event.key === ' ') return;
    event.stopPropagation();
    const key = event.key.toLowerCase();
    if (key === 'c' && current?.form && !event.repeat) { event.preventDefault(); correction.open(); return; }
    const choice = KEYS[key] ?? (/^[1-9]$/.test(key) ? key : null);
    if (!choice) return;
    event.preventDefault();
    if (!event.repeat) press(choice); // a key that is held down says one thing, once
  });
  root.addEventListener('click', event => { if (!root.contains(document.activeElement)) root.focus({ preventScroll: true }); });

  // --- what the kernel says

  const HEAR = {
    state(told) {
      state = told;
      sheet.innerHTML = told.style;
      showKeys();
      queue.length = past.length = 0;
      current = null;
      past.push(...told.past);
      outbox.open(told.fingerprint);
      take(told.items, told.cursor);
    },
    items(told) { if (state) take(told.items, told.cursor); },
    ack(told) {
      if (!state) return;
      Object.assign(state, told.counts);
      if (told.client === client) { outbox.acknowledged(told.message); problem = ''; }
      const elsewhere = told.client === client ? new Set(told.foreign) : new Set(told.changed);
      for (let i = queue.length - 1; i >= 0; i--) if (elsewhere.has(queue[i].n)) queue.splice(i, 1);
      if (!current || elsewhere.has(current.n)) next();
      draw();
    },
    problem(told) { problem = told.text; draw(); },
    output(told) { asked.get(`${told.key} ${told.form}`)?.(told); },
    about(told) {
      const toldOf = new Map(told.items.map(item => [item.n, item]));
      for (const item of held()) { // an item that was taken back elsewhere is among the past ones and the open ones
        const now = toldOf.get(item.n);
        if (now) Object.assign(item, { about: now.about, form: now.form });
      }
      draw();
    },
    corrected(told) { correction.told(told.n, told.problem); HEAR.about(told); },
    outdated() { if (state) send({ kind: 'about', client, held: held().map(item => item.n) }); }, // corrected elsewhere
    result(told) { result.replaceChildren(...told.lines.map(line => make('p', {text: line}))); },
  };
  const hear = told => { if (told && (!told.to || told.to === client) && HEAR[told.kind]) HEAR[told.kind](told); };
  model.on('msg:custom', hear);
  draw();
  send({ kind: 'hello', client });
  // The first word may be said before the kernel listens, or while it is busy: it is said again until it is heard.
  const calling = setInterval(() => {
    if (!state) send({ kind: 'hello', client });
    else if (asking) { asking = false; refill(); }
  }, RESEND_MS);
  return () => { disown(); endServing(); clearInterval(calling); outbox.close(); model.off('msg:custom', hear); };
}

export default { render };
