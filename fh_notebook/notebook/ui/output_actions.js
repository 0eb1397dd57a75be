// Serves the views of outputs whose keys begin with this widget's prefix, wherever they are in the page; the kernel has all
// of them.

const PATIENCE_MS = 20000;  // a busy kernel may take so long to send an output

function render({model, el}) {
  const asked = new Map();
  let number = 0, end = () => {};

  const allOf = (key, form) => new Promise(resolve => {
    const id = ++number, timer = setTimeout(() => asked.get(id)?.(null), PATIENCE_MS);
    asked.set(id, answer => { clearTimeout(timer); asked.delete(id); resolve(answer); });
    model.send({ask: "all", id, key, form});
  });
  const came = answer => asked.get(answer?.id)?.(answer);
  const chose = (key, form) => model.send({ask: "form", key, form});
  let starting = 0;
  const begin = () => {  // widgets are put into the page after they are drawn, in a busy page some frames later
    if (el.isConnected) end = serveOutputs(el.getRootNode(), allOf, {chose, prefix: model.get("prefix")});
    else starting = requestAnimationFrame(begin);
  };
  model.on("msg:custom", came);
  starting = requestAnimationFrame(begin);
  return () => { cancelAnimationFrame(starting); model.off("msg:custom", came); end(); };
}

export default {render};
