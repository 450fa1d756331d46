// For `python -m l2sae.bench widgets`: when a slider is moved, and when pixels that answer the move are on screen.

window.l2saeMeasure = {
  // Waits for two frames: the first holds the new pixels, the second begins when they have been handed to the screen.
  painted: () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),

  set(value, type, selector = ".layer input[type=range]") {
    const input = this.root.querySelector(selector);
    input.value = value;
    input.dispatchEvent(new Event(type, { bubbles: true }));
  },

  drawn(generation) {
    const { root } = this;
    const reached = () => Number(root.dataset.generation) >= generation;
    return new Promise((done) => {
      if (reached()) return done();
      const watcher = new MutationObserver(() => {
        if (!reached()) return;
        watcher.disconnect();
        done();
      });
      watcher.observe(root, { attributes: true, attributeFilter: ["data-generation"] });
    });
  },

  get root() { return document.querySelector(".l2sae"); },

  // One move at a time: ms from the event to new pixels. `input` is a drag's event, `change` that of letting go.
  async moves(count, type) {
    const taken = [];
    for (let i = 0; i < count; i++) {
      const before = Number(this.root.dataset.asked);
      const start = performance.now();
      this.set(0.4 + (1.2 * i) / count, type);
      await this.drawn(before + 1);
      await this.painted();
      taken.push(performance.now() - start);
      await new Promise((done) => setTimeout(done, 40));
    }
    return taken;
  },

  // A drag with an event every `pause` ms: for each event, ms until pixels of its value or of a later one.
  async drag(seconds, pause, selector, [low, high]) {
    const { root } = this;
    const open = [], taken = [], sent = new Map();
    let frames = 0, moved = 0;
    const watcher = new MutationObserver((records) => {
      for (const { attributeName } of records) {
        const generation = Number(root.dataset[attributeName === "data-asked" ? "asked" : "generation"]);
        if (attributeName === "data-asked") sent.set(generation, moved);
        else {
          const upto = sent.get(generation);
          if (upto === undefined) continue;
          frames += 1;
          for (const key of sent.keys()) if (key <= generation) sent.delete(key);
          const answered = [];
          while (open.length && open[0][0] <= upto) answered.push(open.shift()[1]);
          requestAnimationFrame(() => taken.push(...answered.map((start) => performance.now() - start)));
        }
      }
    });
    watcher.observe(root, { attributes: true, attributeFilter: ["data-asked", "data-generation"] });
    const begin = performance.now();
    while (performance.now() - begin < 1000 * seconds) {
      moved += 1;
      open.push([moved, performance.now()]);
      this.set(low + (high - low) * (0.5 + 0.45 * Math.sin(moved / 40)), "input", selector);
      await new Promise((done) => setTimeout(done, pause));
    }
    this.set((low + high) / 2, "change", selector);
    await new Promise((done) => setTimeout(done, 1500));
    watcher.disconnect();
    return { taken, frames, moved, seconds };
  },

  // While a stroke is drawn: ms of each frame, and ms from each pointer event to the frame that shows its paint.
  watchStroke() {
    const seen = (this.stroke = { frames: [], paints: [], on: true });
    let last = performance.now();
    const frame = (now) => {
      if (seen.paints.length) seen.frames.push(now - last);
      last = now;
      if (seen.on) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    document.querySelector(".l2sae .pointer").addEventListener("pointermove", (event) =>
      requestAnimationFrame(() => seen.paints.push(performance.now() - event.timeStamp)));
  },

  strokeSeen() {
    this.stroke.on = false;
    return this.stroke;
  },
};
