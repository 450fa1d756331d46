// Helpers of both editors: elements, and the link to the kernel.

const PATIENCE_MS = 8000; // without a sign from the kernel after a request
const PART = 4 * 2 ** 20; // bytes of a file in one message: servers cut a connection that sends more than 10 MiB at once
const MEASURED = 60; // latencies that the read-out looks back on

function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// A button whose name, for who hears it or speaks to it, holds the words that others see on it.
function button(label, title, onclick, more = {}) {
  const words = label.replace(/[^\p{L}\p{N} ]/gu, "").trim();
  const name = title.toLowerCase().includes(words.toLowerCase()) ? title : `${words}: ${title}`;
  return h("button", { type: "button", title, "aria-label": name, onclick, ...more }, label);
}

// Pictures on top of each other, each with its opacity, on a canvas that takes their size.
function paint(canvas, ...layers) {
  const [[{ width, height }]] = layers;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  for (const [bitmap, opacity] of layers) {
    context.globalAlpha = opacity;
    context.drawImage(bitmap, 0, 0);
  }
  context.globalAlpha = 1;
}

// Resolves to whether the picture was drawn: it is not where `due()` says, once decoded, that a newer one is on show.
async function draw(canvas, bytes, due = () => true) {
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const wanted = due();
  if (wanted) paint(canvas, [bitmap, 1]);
  bitmap.close();
  return wanted;
}

function saveFile(name, mime, bytes) {
  const url = URL.createObjectURL(new Blob([bytes], { type: mime }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// What this browser keeps; it may be full or forbid it.
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    console.info("l2sae: this browser keeps nothing");
  }
}

const megabytes = (bytes) => Math.ceil(bytes / 2 ** 20);

// Sends requests and hands replies on. While a slider moves, the next request waits until the last is answered, and
// only the newest waits; so requests keep the pace of the kernel, and the last one always lands.
class Link {
  constructor(model, onReply, onSilence) {
    this.model = model;
    this.generation = 0;
    this.answered = 0;
    this.waiting = null;
    this.sent = new Map();
    this.latencies = [];
    this.parts = new Map(); // of a file on its way -> what to do when the kernel has it, or will not have it
    this.onSilence = onSilence;
    this.handler = (content, buffers) => this.receive(content, buffers, onReply);
    model.on("msg:custom", this.handler);
  }

  ask(action, args = {}, buffers = []) {
    this.waiting = null;
    this.post(action, args, false, buffers);
  }

  move(action, args) {
    if (this.answered < this.generation) this.waiting = [action, args];
    else this.post(action, args, true, []);
  }

  post(action, args, live, buffers) {
    this.generation += 1;
    this.sent.set(this.generation, performance.now());
    this.onPost?.(this.generation);
    this.watch();
    try {
      this.model.send({ action, arguments: args, generation: this.generation, live }, undefined, buffers);
    } catch {
      this.onSilence(true); // the channel to the kernel is gone
    }
  }

  // Sends a part of a file; resolves when it has arrived.
  part(upload, name, number, bytes) {
    this.watch();
    return new Promise((done, failed) => {
      this.parts.set(upload, [done, failed]);
      this.model.send({ upload, name, part: number }, undefined, [bytes]);
    });
  }

  watch() {
    clearTimeout(this.alarm);
    this.alarm = setTimeout(() => this.onSilence(true), PATIENCE_MS);
  }

  // Counts a picture that the browser makes by itself, now.
  ownPicture() {
    this.waiting = null;
    this.generation += 1;
    this.answered = this.generation;
    this.sent.set(this.generation, performance.now());
    this.onPost?.(this.generation);
    return this.generation;
  }

  receive(content, buffers, onReply) {
    clearTimeout(this.alarm);
    this.onSilence(false);
    if (content.type === "received") return;
    if (this.parts.has(content.upload)) {
      const [done, failed] = this.parts.get(content.upload);
      this.parts.delete(content.upload);
      if (content.type === "part") done();
      else failed(new Error(content.text));
      return;
    }
    const generation = content.generation ?? this.generation;
    // an answer to one that was dropped as stale never comes: a later answer stands for it
    if (content.type === "state") this.answered = Math.max(this.answered, generation);
    onReply(content, buffers, generation);
    if (content.type === "state" && this.waiting && this.answered >= this.generation) {
      const [action, args] = this.waiting;
      this.waiting = null;
      this.post(action, args, true, []);
    }
  }

  shown(generation) {
    const since = this.sent.get(generation);
    if (since === undefined) return;
    for (const key of this.sent.keys()) if (key <= generation) this.sent.delete(key);
    this.latencies = [...this.latencies, performance.now() - since].slice(-MEASURED);
  }

  latency() {
    if (!this.latencies.length) return "";
    const sorted = [...this.latencies].sort((a, b) => a - b);
    const p95 = sorted[Math.ceil(0.95 * sorted.length) - 1];
    return `${Math.round(this.latencies.at(-1))} ms (95 % within ${Math.round(p95)} ms)`;
  }

  close() {
    clearTimeout(this.alarm);
    this.model.off("msg:custom", this.handler);
  }
}

// Pictures along a slider's whole range, asked for when it begins to move. Once they are here, its pictures are blended
// from the two neighbours in the browser, within a frame; the exact picture follows when it is let go.
class Keyframes {
  constructor(link) {
    this.link = link;
    this.drop();
  }

  // Called at every move of a gesture until they are here; the second call asks.
  order(gesture, args) {
    if (this.gesture !== gesture) {
      this.drop();
      this.gesture = gesture;
    } else if (!this.ordered) {
      this.ordered = true;
      this.link.post("keyframes", { ...args, gesture }, true, []);
    }
  }

  async take({ gesture, ends }, buffers) {
    const bitmaps = await Promise.all(buffers.map((bytes) => createImageBitmap(new Blob([bytes]))));
    if (gesture === this.gesture) Object.assign(this, { ends, bitmaps });
    else bitmaps.forEach((bitmap) => bitmap.close());
  }

  // What to paint for a value of the slider: bitmaps with their opacities, or null while there are none.
  at(gesture, value) {
    if (gesture !== this.gesture || !this.bitmaps.length) return null;
    const [low, high] = this.ends;
    const place = ((value - low) / (high - low)) * (this.bitmaps.length - 1);
    const first = Math.max(0, Math.min(this.bitmaps.length - 2, Math.floor(place)));
    return [[this.bitmaps[first], 1], [this.bitmaps[first + 1], place - first]];
  }

  drop() {
    this.bitmaps?.forEach((bitmap) => bitmap.close());
    Object.assign(this, { gesture: null, ordered: false, bitmaps: [] });
  }
}

// A slider: `onmove(value, gesture, live, ends)` while it is dragged, and once more when it is let go.
function slider(label, min, max, step, value, onmove, format = (v) => v.toFixed(2), name = label) {
  const output = h("output", {}, format(value));
  const input = h("input", { type: "range", min, max, step, value, "aria-label": name });
  let gesture = null;
  const send = (live) => {
    gesture ??= Date.now() + Math.random();
    output.textContent = format(input.valueAsNumber);
    onmove(input.valueAsNumber, gesture, live, [min, max]);
    if (!live) gesture = null;
  };
  input.addEventListener("input", () => send(true));
  input.addEventListener("change", () => send(false));
  const node = h("label", { className: "slider" }, h("span", {}, label), input, output);
  node.set = (next) => {
    if (gesture !== null) return; // never pull the handle from under the finger
    input.value = next;
    output.textContent = format(Number(next));
  };
  node.get = () => input.valueAsNumber;
  node.busy = () => gesture !== null;
  return node;
}

function filePicker(label, title, accept, onfile) {
  const input = h("input", { type: "file", accept, hidden: true });
  input.addEventListener("change", () => {
    if (input.files.length) onfile(input.files[0]);
    input.value = "";
  });
  return h("span", {}, input, button(label, title, () => input.click()));
}
