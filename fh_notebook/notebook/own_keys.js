// What plain widgets lack in a notebook's page, for all that lie beside this one. Rules of this file:
// - A key that is pressed there is theirs (see ownKeys).
// - The focus stays there. What has it may be taken away or disabled by its own click; without a focus, keys would be
//   the notebook's again. So it goes to what stands before; to the whole while what was pressed is only disabled, since
//   the button that comes before or after, such as Cancel, must not be what the next Space presses.
// - Text is laid out in its own direction: a widget has no trait for that.

const FOCUSABLE = "button, input, select, textarea, summary, a[href], [tabindex='0']";
const WRITTEN = "input, select, textarea, label, .widget-html-content";

function render({el}) {
  const root = () => el.closest(".fh-own-keys");
  const disown = ownKeys(root);
  let asking, observer, last = null, around = [];

  const canFocus = element => element.isConnected && !element.disabled && element.getClientRects().length > 0
    && getComputedStyle(element).visibility === "visible";
  const came = event => {
    last = event.target;
    around = [...event.currentTarget.querySelectorAll(FOCUSABLE)];
  };
  const left = event => {
    const from = event.target, here = event.currentTarget;  // what was taken away is not on the page any more
    if (from === here) here.removeAttribute("tabindex");  // a click beside the controls must not take the focus
    setTimeout(() => {
      if (last !== from || document.activeElement === from) return;
      if (canFocus(from)) last = null; else changed(here);
    });
  };
  const changed = here => {
    here.querySelectorAll(WRITTEN).forEach(element => { element.dir ||= "auto"; });
    const now = document.activeElement ?? document.body;
    const taken = !canFocus(now) || now === here || now.contains(here);  // what is hidden has the focus until it is drawn
    if (!last || !taken) return;
    if (canFocus(last)) { if (now === here) last.focus({preventScroll: true}); return; }
    const at = around.indexOf(last), behind = around.slice(at + 1), before = around.slice(0, Math.max(at, 0)).reverse();
    const next = last.isConnected && last.disabled ? here : [...before, ...behind].find(canFocus) ?? here;
    if (next !== here) { next.focus({preventScroll: true}); return; }
    const gone = last, order = around;
    here.tabIndex = -1;
    here.focus({preventScroll: true});
    last = gone; around = order;  // it has the focus again when it can be pressed again
  };
  const begin = () => {
    const here = root();
    if (!here) { asking = requestAnimationFrame(begin); return; }  // widgets are put into the page after they are drawn
    here.style.outline = "none";
    here.addEventListener("focusin", came);
    here.addEventListener("focusout", left);
    observer = new MutationObserver(() => changed(here));
    observer.observe(here, {childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "style"]});
    changed(here);
  };
  begin();
  return () => { cancelAnimationFrame(asking); observer?.disconnect(); disown(); };
}

export default {render};
