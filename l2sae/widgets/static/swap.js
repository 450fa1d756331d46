// The latent-swap editor: sources of style for the chosen region.

class Swap extends Panels {
  constructor(model, el) {
    super(model, el, "swap");
    this.frames = [];
    this.weights = {};
    this.buildSources();
    this.right.append(h("h3", {}, "Layers"), this.layers);
    this.link.ask("start");
  }

  firstSteps() {
    return [
      "Choose a region above.", "Choose a style for it on the right.", "Compare with the slider below the photo.",
      "Drop or paste a photo of your own anywhere here.",
    ];
  }

  buildSources() {
    this.tabs = h("div", { className: "tabs", role: "tablist" });
    this.pages = h("div", { className: "pages" });
    const pages = {
      Named: this.namedPage(), Face: this.facePage(), Noise: this.noisePage(), Blend: this.blendPage(), "A−B+C": this.sumPage(),
      Map: this.mapPage(), Frames: this.framesPage(),
    };
    for (const [name, page] of Object.entries(pages)) {
      page.setAttribute("role", "tabpanel");
      page.hidden = name !== "Named";
      const tab = button(name, `Style source: ${name}`, () => this.openTab(name), {
        role: "tab", "aria-selected": String(name === "Named"),
      });
      tab.dataset.tab = name;
      page.dataset.tab = name;
      this.tabs.append(tab);
      this.pages.append(page);
    }
    this.heading = h("h3", {}, "Style");
    this.right.append(this.heading, this.tabs, this.pages);
  }

  openTab(name) {
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
    for (const page of this.pages.children) page.hidden = page.dataset.tab !== name;
    if (name === "Map") this.drawMap();
  }

  namedPage() {
    return h("div", {},
      h("div", { className: "scroll" }, this.swatches),
      h("div", { className: "row" }, this.colourRow,
        button("Keep own", "The region keeps its own style", () => this.link.ask("keep"))),
    );
  }

  facePage() {
    this.styleThumbs = h("div", { className: "thumbs", role: "group", "aria-label": "Styles" });
    this.styleName = h("input", { type: "text", placeholder: "name of this style", "aria-label": "Name of this style" });
    return h("div", {},
      h("div", { className: "scroll" }, this.styleThumbs),
      h("div", { className: "row" },
        button("Keep own", "The region keeps its own style", () => this.link.ask("keep")),
        filePicker("Add face…", "Take the style of a photo of your own", "image/*", (file) =>
          this.sendFile("upload_style", file),
        ),
      ),
      h("div", { className: "row" }, this.styleName,
        button("Name it", "Keep the region's present style in the bank under this name", () =>
          this.link.ask("name_style", { name: this.styleName.value }),
        ),
      ),
    );
  }

  noisePage() {
    this.seed = h("input", { type: "number", min: 0, step: 1, value: 0, "aria-label": "Seed" });
    const send = (sigma, gesture, live, ends) => {
      const args = { sigma, seed: Number(this.seed.value) || 0, gesture };
      this.slide("use_noise", args, live, ["sigma"], ends);
    };
    this.sigma = slider("sigma", 0, 4, 0.05, 1, send);
    const apply = () => send(this.sigma.get(), Date.now(), false);
    this.seed.addEventListener("change", apply);
    const roll = () => {
      this.seed.value = Math.floor(Math.random() * 100000);
      apply();
    };
    return h("div", {},
      h("p", { className: "hint" }, "Varies the region's style at random, in units of its spread among faces."),
      this.sigma,
      h("div", { className: "row" }, h("label", {}, "seed ", this.seed), button("⚄ Another", "Another seed", roll),
        button("Apply", "Apply this noise", apply)),
    );
  }

  blendPage() {
    this.blendRows = h("div", { className: "scroll rows" });
    return h("div", {}, h("p", { className: "hint" }, "A weighted mean of styles."), this.blendRows);
  }

  sumPage() {
    const select = (label) => h("select", { "aria-label": label });
    [this.base, this.minus, this.plus] = [select("Base"), select("Minus"), select("Plus")];
    const send = (amount, gesture, live, ends) => {
      const args = { base: this.base.value, minus: this.minus.value, plus: this.plus.value, amount, gesture };
      this.slide("use_arithmetic", args, live, ["amount"], ends);
    };
    this.amount = slider("amount", -2, 2, 0.05, 1, send);
    const apply = () => send(this.amount.get(), Date.now(), false);
    return h("div", {},
      h("p", { className: "hint" }, "Base, minus one style, plus another: what sets two faces apart, carried over."),
      h("div", { className: "row" }, this.base, "−", this.minus, "+", this.plus),
      this.amount,
      h("div", { className: "row" }, button("Apply", "Apply this sum", apply)),
    );
  }

  mapPage() {
    this.map = h("canvas", {
      width: 264, height: 172, className: "map", tabIndex: 0, role: "slider",
      "aria-valuemin": -1, "aria-valuemax": 1, "aria-valuenow": 0,
      title: "Click or drag: the style at this place", "aria-label": "Style map: arrow keys move",
    });
    let gesture = null;
    const at = (event) => {
      const box = this.map.getBoundingClientRect();
      const { reach } = this.state.map;
      const place = (part) => Math.max(-reach, Math.min(reach, (2 * part - 1) * reach));
      return { x: place((event.clientX - box.left) / box.width), y: -place((event.clientY - box.top) / box.height) };
    };
    this.map.addEventListener("pointerdown", (event) => {
      this.map.setPointerCapture(event.pointerId);
      gesture = Date.now();
      this.link.move("use_map", { ...at(event), gesture });
    });
    this.map.addEventListener("pointermove", (event) => gesture && this.link.move("use_map", { ...at(event), gesture }));
    this.map.addEventListener("pointerup", (event) => {
      if (gesture) this.link.ask("use_map", { ...at(event), gesture });
      gesture = null;
    });
    this.map.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step || !this.state.map) return;
      event.preventDefault();
      const [x, y] = this.state.map.here ?? [0, 0];
      const { reach } = this.state.map;
      const within = (v) => Math.max(-reach, Math.min(reach, v));
      this.link.ask("use_map", { x: within(x + 0.2 * step[0]), y: within(y + 0.2 * step[1]) });
    });
    this.mapNote = h("p", { className: "hint" });
    return h("div", {}, this.map, this.mapNote);
  }

  framesPage() {
    this.scrub = h("input", {
      type: "range", min: 0, max: 0, value: 0, disabled: true, "aria-label": "Frame",
      oninput: () => this.showFrame(this.scrub.valueAsNumber),
    });
    this.framesNote = h("p", { className: "hint" },
      "The way from the region's own style to the chosen one: computed once, then scrubbed without the kernel.");
    return h("div", {}, this.framesNote,
      h("div", { className: "row" }, button("Compute", "Compute the frames", () => this.link.ask("interpolate"))),
      h("label", { className: "slider" }, h("span", {}, "own"), this.scrub, h("output", {}, "chosen")));
  }

  showFrame(index) {
    if (this.frames[index]) draw(this.after, this.frames[index]);
  }

  receiveMore(content, buffers) {
    if (content.type !== "frames") return;
    this.frames = buffers;
    this.scrub.disabled = false;
    this.scrub.max = buffers.length - 1;
    this.scrub.value = buffers.length - 1;
    this.framesFor = content.roi;
  }

  showState(content) {
    this.outside = content.share === undefined ? "" :
      `outside the region ${(100 * content.share).toFixed(2)} % of pixels changed visibly; where no matte reaches: ${content.largest}`;
    super.showState(content);
  }

  update() {
    super.update();
    const { state } = this;
    this.heading.textContent = `Style of the ${state.roi}`;
    const layer = state.layer === null ? null : state.layers[state.layer];
    const shows = new Map(state.styles.map((style) => [style.name, style.rois]));
    const names = state.styles.map((style) => style.name);
    const lacks = (name) => (shows.get(name).includes(state.roi) ? "" : `${name} shows no ${state.roi}`);
    this.fillThumbs(this.styleThumbs, names, layer?.face ?? (layer?.kind === "kept" ? layer.text : null),
      (name) => this.link.ask("use_style", { name }), lacks);
    if (layer?.sigma != null) this.sigma.set(layer.sigma);
    this.fillSums(names);
    this.fillBlend(names.filter((name) => !lacks(name)));
    if (this.scrub && !this.frames.length) this.scrub.disabled = true;
    this.drawMap();
  }

  fillSums(names) {
    if (this.sumNames === names.join()) return;
    this.sumNames = names.join();
    for (const [select, first] of [[this.base, null], [this.minus, "mean face"], [this.plus, "mean face"]]) {
      const kept = select.value;
      const options = names.map((name) => h("option", { value: name }, name));
      select.replaceChildren(...(first ? [h("option", { value: "" }, first)] : []), ...options);
      if (names.includes(kept)) select.value = kept;
    }
  }

  fillBlend(names) {
    if (this.blendNames === names.join()) return;
    this.blendNames = names.join();
    this.blendRows.replaceChildren(...names.map((name) => {
      const row = slider(name, 0, 1, 0.05, this.weights[name] ?? 0, (value, gesture, live, ends) => {
        this.weights[name] = value;
        const args = { weights: { ...this.weights }, gesture };
        const others = Object.entries(this.weights).some(([other, weight]) => other !== name && weight > 0);
        if (!others && !(value > 0)) return;
        this.slide("use_blend", args, live, ["weights", name], others ? ends : null); // alone, any weight is the same
      });
      const picture = this.thumbs.get(name);
      row.firstChild.replaceChildren(picture ? h("img", { src: picture, alt: name, title: name, className: "icon" }) : name);
      return row;
    }));
  }

  drawMap() {
    const { map } = this.state ?? {};
    if (this.map.closest("[hidden]")) return; // it is drawn when its tab is opened
    if (!map) {
      this.mapNote.textContent = "The map needs at least three faces.";
      return;
    }
    const context = this.map.getContext("2d");
    const { width, height } = this.map;
    const colours = getComputedStyle(this.root);
    const place = ([x, y]) => [((x / map.reach + 1) / 2) * width, ((1 - y / map.reach) / 2) * height];
    context.clearRect(0, 0, width, height);
    context.strokeStyle = colours.getPropertyValue("--line");
    context.beginPath();
    context.moveTo(width / 2, 0);
    context.lineTo(width / 2, height);
    context.moveTo(0, height / 2);
    context.lineTo(width, height / 2);
    context.stroke();
    this.mapThumbs ??= new Map();
    for (const [name, dot] of Object.entries(map.dots)) {
      const [x, y] = place(dot);
      let picture = this.mapThumbs.get(name);
      if (!picture && this.thumbs.has(name)) {
        picture = new Image();
        picture.onload = () => this.drawMap();
        picture.src = this.thumbs.get(name);
        this.mapThumbs.set(name, picture);
      }
      if (picture?.complete) context.drawImage(picture, x - 11, y - 11, 22, 22);
      else context.fillRect(x - 2, y - 2, 4, 4);
    }
    if (map.here) {
      const [x, y] = place(map.here);
      context.strokeStyle = colours.getPropertyValue("--accent");
      context.lineWidth = 3;
      context.beginPath();
      context.arc(x, y, 9, 0, 7);
      context.stroke();
      context.lineWidth = 1;
    }
    const [x, y] = (map.here ?? [0, 0]).map((part) => (part / map.reach).toFixed(2));
    this.map.setAttribute("aria-valuenow", x);
    this.map.setAttribute("aria-valuetext", map.here ? `${x} across, ${y} up` : "no place on the map");
    const share = map.explained.map((part) => `${Math.round(100 * part)} %`).join(" and ");
    this.mapNote.textContent = `The two main directions of style: ${share} of its variance.`;
  }
}

export default {
  render({ model, el }) {
    const editor = new Swap(model, el);
    return () => editor.close();
  },
};
