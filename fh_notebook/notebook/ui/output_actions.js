// Serves the views of outputs in the results that this widget lies in; the kernel has their texts.

const PATIENCE_MS = 20000;  // a busy kernel may take so long to send a text

function render({model, el}) {
  const asked = new Map();
  let number = 0, starting, end = () => {};

  const allOf = key => new Promise(resolve => {
    const id = ++number, timer = setTimeout(() => asked.get(id)?.(null), PATIENCE_MS);
    asked.set(id, answer => { clearTimeout(timer); asked.delete(id); resolve(answer); });
    model.send({ask: "text", id, key});
  });
  const came = answer => asked.get(answer?.id)?.(answer);
  const begin = () => {
    const root = el.closest(".fh-results");
    if (root) end = serveOutputs(root, allOf, (key, form) => model.send({ask: "form", key, form}));
    else starting = requestAnimationFrame(begin);  // widgets are put into the page after they are drawn
  };
  model.on("msg:custom", came);
  begin();
  return () => { cancelAnimationFrame(starting); model.off("msg:custom", came); end(); };
}

export default {render};
