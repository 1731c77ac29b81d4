"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const viewer = document.getElementById("viewer");
  const el = (tag, props = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), props);
    node.append(...children);
    return node;
  };
  // A click on a cell opens its stimuli without moving the page away.
  let opened = null;
  document.addEventListener("click", (event) => {
    const cell = event.target.closest("a[data-cell]");
    const stimulus = event.target.closest("a[data-n]");
    if (cell) {
      event.preventDefault();
      if (opened) opened.classList.remove("open");
      opened = document.getElementById(cell.getAttribute("href").slice(1));
      opened.classList.add("open");
      opened.focus({ preventScroll: true });
      opened.scrollIntoView({ block: "nearest" });
    } else if (stimulus && data.shown.length) {
      event.preventDefault();
      filter.value = "all";
      choose();
      show(Number(stimulus.dataset.n));
      viewer.scrollIntoView({ block: "start" });
    }
  });
  if (!data.shown.length) return;
  viewer.hidden = false;

  const hasSpikes = data.spiking !== null;
  const className = (c) => (c === undefined || c === null ? "none" : data.classes[c] || String(c));
  const decode = (text, Type) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Type(bytes.buffer);
  };
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const detailOf = new Map(data.details.map((detail) => [detail.shown, detail]));
  const wrong = (a) => a.formal !== a.target || (hasSpikes && a.spiking !== a.target);
  const filters = [
    ["detail", "with spikes and maps", (s, n) => detailOf.has(n)],
    ["all", "all that are kept", () => true],
    ["formal", "wrong as frames", ({ a }) => a.formal !== a.target],
    ["spiking", "wrong as spikes", ({ a }) => hasSpikes && a.spiking !== a.target],
    ["differ", "frames and spikes disagree", ({ a }) => hasSpikes && a.spiking !== a.formal],
    ["right", "right", ({ a }) => !wrong(a)],
  ];
  const filter = el("select", { id: "filter" });
  for (const [value, label, test] of filters) {
    const n = data.shown.filter(test).length;
    if (n) filter.append(el("option", { value, textContent: `${label} (${n})` }));
  }
  const back = el("button", { id: "back", textContent: "Previous" });
  const next = el("button", { id: "next", textContent: "Next" });
  const where = el("span", { id: "where" });
  where.setAttribute("aria-live", "polite");
  const label = el("label", { textContent: "Stimuli: " }, filter);
  const body = el("div");
  viewer.append(el("div", { className: "bar" }, label, back, next, where), body);

  let list = [], at = 0;
  const choose = () => {
    const test = filters.find((f) => f[0] === filter.value)[2];
    list = data.shown.map((s, n) => n).filter((n) => test(data.shown[n], n));
    at = 0;
  };
  const step = (by) => {
    at = (at + by + list.length) % list.length;
    draw();
  };
  const show = (n) => {
    at = Math.max(0, list.indexOf(n));
    draw();
  };
  filter.addEventListener("change", () => { choose(); draw(); });
  back.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  viewer.addEventListener("keydown", (event) => {
    if (event.target.closest("select, #raster")) return;
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else return;
    event.preventDefault();
  });

  const scores = (title, pairs, target) => {
    const most = Math.max(...pairs.map((p) => Math.abs(p[1])), 1e-9);
    const grid = el("div", { className: "score" });
    for (const [c, value] of pairs) {
      const bar = el("i", { className: c === target ? "" : "no" });
      bar.style.width = `${(Math.max(0, value) / most) * 100}%`;
      grid.append(el("span", { textContent: className(c) + (c === target ? " (class)" : "") }), bar, el("span", { textContent: String(value) }));
    }
    return el("div", {}, el("h4", { textContent: title }), grid);
  };

  function draw() {
    const n = list[at], { s, a } = data.shown[n];
    where.textContent = `${at + 1} of ${list.length}`;
    const columns = data.atlas.columns;
    const image = el("div", { className: "t big" });
    image.setAttribute("role", "img");
    image.setAttribute("aria-label", `stimulus ${s.id}`);
    image.style.setProperty("--x", n % columns);
    image.style.setProperty("--y", Math.floor(n / columns));
    image.style.setProperty("--bz", Math.max(1, Math.floor(180 / data.atlas.width)));
    const ns = a.latency_fs === undefined ? "not decided" : `decided after ${(a.latency_fs / 1e6).toFixed(2)} ns`;
    const lines = [`Target: ${className(a.target)}`, `Estimate as frames: ${className(a.formal)}${a.formal === a.target ? "" : " (wrong)"}`];
    if (hasSpikes) lines.push(`Estimate as spikes: ${className(a.spiking)}${a.spiking === a.target ? "" : " (wrong)"}, ${ns}`, `${s.spikes.toLocaleString("en")} spikes, ${s.reads.toLocaleString("en")} reads`);
    const told = el("div", {}, el("p", { textContent: `${s.name}, id ${s.id}` }), ...lines.map((textContent) => el("div", { textContent })));
    const sides = el("div", { className: "sides" }, image, told, scores("Output as frames", s.formal_scores, a.target));
    if (hasSpikes) sides.append(scores("Output spikes, net", s.spike_scores, a.target));
    body.replaceChildren(sides);
    const detail = detailOf.get(n);
    if (!detail) {
      body.append(el("p", { className: "lacking", textContent: "Spikes and maps are kept of the stimuli under \u201cwith spikes and maps\u201d." }));
      return;
    }
    if (detail.times) body.append(...raster(detail));
    body.append(...maps(detail));
  }

  function raster(detail) {
    const times = decode(detail.times, Uint16Array), units = decode(detail.units, Uint32Array);
    const sizes = data.layers.map((l) => l.shape[0] * l.shape[1] * l.shape[2]);
    const first = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
    const span = detail.span_fs / 1e6;
    const canvas = el("canvas", { id: "raster", tabIndex: 0 });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Spikes of all layers over ${span.toFixed(2)} ns; plus and minus zoom, arrow keys move`);
    const pick = el("select", {}, el("option", { value: "-1", textContent: "all layers" }), ...data.layers.map((l, i) => el("option", { value: String(i), textContent: l.name })));
    let from = 0, to = 1;
    const told = el("span");
    const zoom = (by, center = 0.5) => {
      const width = Math.min(1, Math.max(0.002, (to - from) * by)), middle = from + (to - from) * center;
      from = Math.min(1 - width, Math.max(0, middle - width * center));
      to = from + width;
      paint();
    };
    const move = (by) => {
      const width = to - from;
      from = Math.min(1 - width, Math.max(0, from + by * width));
      to = from + width;
      paint();
    };
    const left = 64, bottom = 26;
    function paint() {
      const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
      canvas.width = w * ratio;
      canvas.height = h * ratio;
      const c = canvas.getContext("2d");
      c.scale(ratio, ratio);
      c.font = "13px system-ui, sans-serif";
      const only = Number(pick.value), layers = only < 0 ? sizes.map((_, i) => i) : [only];
      const heights = layers.map((l) => 14 + Math.pow(sizes[l], 0.4)), sum = heights.reduce((a, b) => a + b, 0);
      const top = new Map();
      let y = 0;
      layers.forEach((l, i) => {
        const high = (heights[i] / sum) * (h - bottom);
        top.set(l, [y + 2, high - 4]);
        c.fillStyle = style("--muted");
        c.fillText(data.layers[l].name.slice(0, 8), 4, y + Math.min(high / 2 + 5, high - 2), left - 8);
        c.fillStyle = style("--line");
        c.fillRect(left, y + high - 1, w - left, 1);
        y += high;
      });
      const x = (t) => left + ((t - from) / (to - from)) * (w - left - 8);
      let l = 0, drawn = 0;
      const dot = Math.max(1.2, only < 0 ? 1.5 : 2.5);
      for (let i = 0; i < times.length; i++) {
        const t = times[i] / 65535;
        if (t < from || t > to) continue;
        const unit = units[i] & 0x7fffffff;
        l = first.findLastIndex((f) => f <= unit);
        const band = top.get(l);
        if (!band) continue;
        c.fillStyle = units[i] >>> 31 ? colors[1] : colors[0];
        c.fillRect(x(t) - dot / 2, band[0] + ((unit - first[l] + 0.5) / sizes[l]) * band[1] - dot, dot, dot * 2);
        drawn++;
      }
      c.fillStyle = style("--muted");
      const time = (t) => `${(t * span).toFixed(2)} ns`;
      const parts = Math.max(1, Math.min(3, Math.floor((w - left - 8) / (1.5 * c.measureText(time(to)).width + 12))));
      for (let k = 0; k <= parts; k++) {
        const t = from + ((to - from) * k) / parts;
        c.textAlign = k === 0 ? "left" : k === parts ? "right" : "center";
        c.fillText(time(t), x(t), h - 8);
      }
      told.textContent = `${drawn.toLocaleString("en")} spikes from ${(from * span).toFixed(2)} to ${(to * span).toFixed(2)} ns`;
      canvas.dataset.from = from;
      canvas.dataset.to = to;
    }
    const colors = [style("--right"), style("--wrong")];
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey && document.activeElement !== canvas) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(1, Math.max(0, (event.offsetX - left) / (canvas.clientWidth - left))));
    }, { passive: false });
    let held = null;
    canvas.addEventListener("pointerdown", (event) => { held = event.clientX; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (held === null) return;
      move((held - event.clientX) / (canvas.clientWidth - left));
      held = event.clientX;
    });
    canvas.addEventListener("pointerup", () => { held = null; });
    canvas.addEventListener("pointercancel", () => { held = null; });
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") zoom(0.7);
      else if (event.key === "-") zoom(1.43);
      else if (event.key === "ArrowLeft") move(-0.2);
      else if (event.key === "ArrowRight") move(0.2);
      else return;
      event.preventDefault();
    });
    pick.addEventListener("change", paint);
    const button = (id, textContent, run) => {
      const b = el("button", { id, textContent });
      b.addEventListener("click", run);
      return b;
    };
    const bar = el("div", { className: "bar" }, pick, button("in", "Zoom in", () => zoom(0.5)), button("out", "Zoom out", () => zoom(2)),
      button("whole", "Whole", () => zoom(1e9)), told);
    requestAnimationFrame(paint);
    repaint = paint;
    const cut = detail.is_cut ? "The first spikes alone are kept. " : "";
    return [el("h3", { textContent: "Spikes until the decision" }), bar, canvas,
      el("p", { textContent: `${cut}Drag to move; plus, minus and the arrow keys work as well. Negative spikes have the second color.` })];
  }
  let repaint = () => {};
  window.addEventListener("resize", () => repaint());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());

  function map(values, most, [, h, w], channels, name) {
    const columns = Math.ceil(Math.sqrt((channels * h) / w)), rows = Math.ceil(channels / columns);
    const gap = h * w > 1 ? 1 : 0;
    const canvas = el("canvas", { width: columns * (w + gap), height: rows * (h + gap) });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", name);
    const c = canvas.getContext("2d"), image = c.createImageData(canvas.width, canvas.height);
    const rgb = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
    const paper = rgb(style("--bg")), up = rgb(style("--right")), down = rgb(style("--wrong"));
    for (let i = 0; i < values.length; i++) {
      const k = Math.floor(i / (h * w)), y = Math.floor((i % (h * w)) / w), x = i % w;
      const share = Math.min(1, Math.abs(values[i]) / (most || 1)), color = values[i] > 0 ? up : down;
      const p = 4 * ((Math.floor(k / columns) * (h + gap) + y) * canvas.width + (k % columns) * (w + gap) + x);
      for (let b = 0; b < 3; b++) image.data[p + b] = paper[b] + (color[b] - paper[b]) * share;
      image.data[p + 3] = 255;
    }
    c.putImageData(image, 0, 0);
    return canvas;
  }

  function maps(detail) {
    const all = el("div", { className: "maps" });
    detail.maps.forEach((m, i) => {
      const layer = data.layers[i], frames = decode(m.frames, Int16Array);
      const pair = el("div", { className: "pair" }, map(frames, 32767, layer.shape, m.channels, `activations of ${layer.name}`));
      let told = `greatest activation ${Number(m.scale.toPrecision(3))}`;
      if (m.spikes) {
        const spikes = decode(m.spikes, Int16Array), most = spikes.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        pair.append(map(spikes, most, layer.shape, m.channels, `spike counts of ${layer.name}`));
        told += `, most spikes ${most}`;
      }
      if (m.channels < layer.shape[0]) told += `; the first ${m.channels} of ${layer.shape[0]} channels`;
      all.append(el("div", {}, el("strong", { textContent: layer.name }), pair, el("small", { textContent: told })));
    });
    const text = hasSpikes ? "Left the activations as frames, right the net spikes over the whole presentation; each scaled by its greatest value." : "Activations, each layer scaled by its greatest value.";
    return [el("h3", { textContent: hasSpikes ? "Activations and spike counts" : "Activations" }), el("p", { textContent: text }), all];
  }

  choose();
  draw();
})();
