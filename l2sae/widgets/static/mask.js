// The ROI-mask editor: mattes as coloured layers over the photo, and tools that change them. Strokes are drawn in the
// browser at once and sent when the pen is lifted.

const TOOLS = {
  brush: ["✎ Brush", "Add to the mask (B)", "b"],
  eraser: ["⌫ Eraser", "Take away from the mask (E)", "e"],
  polygon: ["△ Polygon", "Corner by corner; Enter or a double click closes, Esc cancels; Alt takes away (P)", "p"],
  click: ["✦ Click", "Mask whatever is clicked; Shift adds, Alt takes away (W)", "w"],
};

class Mask extends Panels {
  constructor(model, el) {
    super(model, el, "mask");
    this.mattes = new Map();
    this.hidden = new Set();
    this.tool = "brush";
    this.corners = [];
    this.pen = null;
    this.cursor = [0.5, 0.5];
    this.buildTools();
    this.buildPanel();
    this.buildCanvas();
    this.link.ask("start");
  }

  firstSteps() {
    return [
      "Choose a region.", "Draw its mask on the photo, or take “Click” and click on what to mask.",
      "Choose a style for inside the mask.", "Drop or paste a photo of your own.",
    ];
  }

  buildTools() {
    this.toolButtons = Object.entries(TOOLS).map(([name, [label, title]]) =>
      button(label, title, () => this.chooseTool(name), { "data-tool": name, "aria-pressed": String(name === this.tool) }));
    const px = (value) => `${Math.round(value)} px`;
    this.size = slider("size", 2, 160, 1, 28, () => this.drawPointer(), px);
    this.hardness = slider("hardness", 0, 1, 0.05, 0.8, () => {});
    this.tolerance = slider("tolerance", 0.02, 1, 0.02, 0.5, (value, gesture, live) => {
      if (!live && this.lastClick) this.link.ask("click", { ...this.lastClick, tolerance: value });
    });
    const ask = (action, args) => () => this.link.ask(action, args?.() ?? {});
    this.amount = slider("by", 1, 40, 1, 4, () => {}, px);
    const scaled = () => Math.max(1, Math.round(this.amount.get() * this.scale()));
    this.left.append(
      h("h3", {}, "Tools"),
      h("div", { className: "grid2" }, ...this.toolButtons),
      this.size, this.hardness, this.tolerance,
      h("h3", {}, "Whole mask"),
      this.amount,
      h("div", { className: "grid2" },
        button("Grow", "Widen the mask", ask("grow", () => ({ pixels: scaled() }))),
        button("Shrink", "Narrow the mask", ask("grow", () => ({ pixels: -scaled() }))),
        button("Feather", "Soften the rim", ask("feather", () => ({ radius: scaled() }))),
        button("Refine", "Fit the mask to the photo's edges", ask("refine")),
        button("Invert", "Swap inside and outside", ask("invert")),
        button("Clear", "Begin with nothing masked", ask("empty")),
        button("Predicted", "Back to the model's matte", ask("predicted")),
        button("Save PNG", "Save this mask as a grey PNG", ask("save_mask")),
      ),
      filePicker("Load mask PNG…", "Take a mask from a PNG: what is painted on black, on white or on nothing is inside", "image/png",
        (file) => this.sendFile("load_mask", file)),
    );
    this.root.classList.add("masks");
  }

  buildPanel() {
    this.maskList = h("div", { className: "masklist", role: "group", "aria-label": "Masks" });
    this.styleThumbs = h("div", { className: "thumbs", role: "group", "aria-label": "Styles" });
    this.seed = 0;
    const noise = () => this.link.ask("use_noise", { sigma: 2, seed: ++this.seed });
    this.opacity = slider("overlay", 0, 1, 0.05, 0.55, () => this.showMattes());
    this.slicesBox = h("div", { className: "slices" });
    const details = h("details", {
      ontoggle: (event) => event.target.open && this.state?.loaded && this.link.ask("slices"),
    }, h("summary", {}, "Which channels carry which region"), this.slicesBox);
    this.details = details;
    this.heading = h("h3", {}, "Style inside the mask");
    this.right.append(
      h("h3", {}, "Masks"), this.maskList, this.opacity,
      this.heading,
      h("div", { className: "scroll low" }, this.swatches, this.styleThumbs),
      h("div", { className: "row" }, this.colourRow,
        button("≈ Noise", "Vary the style at random", noise),
        button("No edit", "Remove the layer; the mask goes back to the predicted one", () => this.link.ask("keep"))),
      h("h3", {}, "Layers"), this.layers,
    );
    this.middle.append(details);
  }

  layersHint() {
    return "Draw, or choose a style: the edit shows inside the mask.";
  }

  buildCanvas() {
    this.overlays = h("div", { className: "overlays" });
    this.pointer = h("canvas", {
      className: "pointer", tabIndex: 0, role: "application",
      "aria-label": "Photo: arrow keys move the brush, space draws",
    });
    this.stage.append(this.overlays, this.pointer);
    const on = (name, action) => this.pointer.addEventListener(name, (event) => this.state?.loaded && action(event));
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.moved(event));
    on("pointerup", () => this.up());
    on("pointercancel", () => this.up());
    on("pointerleave", () => this.drawPointer());
    on("dblclick", (event) => this.tool === "polygon" && this.closePolygon(event.altKey));
    this.pointer.addEventListener("keydown", (event) => this.canvasKey(event));
  }

  // --- geometry: places are shares of the picture, requests are in pixels of the photo

  place(event) {
    const box = this.pointer.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  scale() { // photo pixels for one on screen
    return this.state.photo.width / (this.pointer.clientWidth || 512);
  }

  photoPoint([x, y]) {
    return [x * this.state.photo.width, y * this.state.photo.height];
  }

  // --- the pen

  down(event) {
    event.preventDefault();
    this.pointer.focus({ preventScroll: true });
    const place = this.place(event);
    if (this.tool === "click") this.clicked(place, event.shiftKey ? "add" : event.altKey ? "subtract" : "replace");
    else if (this.tool === "polygon") {
      this.corners.push(place);
      this.drawPointer(place);
    } else {
      this.pointer.setPointerCapture(event.pointerId);
      this.pen = [];
      this.extend(event);
    }
  }

  moved(event) {
    if (this.pen) for (const part of event.getCoalescedEvents?.() ?? [event]) this.extend(part);
    this.drawPointer(this.place(event));
  }

  extend(event) {
    const [x, y] = this.place(event);
    const pressure = event.pointerType === "pen" ? Math.max(0.05, event.pressure) : 1;
    this.pen.push([x, y, pressure]);
    this.paint(this.pen.slice(-2));
  }

  up() {
    if (!this.pen?.length) return;
    const points = this.pen.map(([x, y, pressure]) => [...this.photoPoint([x, y]), pressure]);
    this.pen = null;
    this.link.ask("stroke", {
      points, size: Math.max(1, this.size.get() * this.scale()), hardness: this.hardness.get(), erase: this.tool === "eraser",
    });
  }

  paint(points) { // what the kernel will draw, straight onto the matte's canvas
    const canvas = this.mattes.get(this.state.roi);
    if (!canvas) return;
    const context = canvas.getContext("2d");
    const unit = canvas.width / (this.pointer.clientWidth || canvas.width);
    const colour = this.state.rois.find((roi) => roi.name === this.state.roi).colour;
    context.globalCompositeOperation = this.tool === "eraser" ? "destination-out" : "source-over";
    context.strokeStyle = context.fillStyle = colour;
    context.lineCap = "round";
    context.lineWidth = Math.max(1, this.size.get() * unit * points.at(-1)[2] * (0.5 + 0.5 * this.hardness.get()));
    context.beginPath();
    context.moveTo(points[0][0] * canvas.width, points[0][1] * canvas.height);
    context.lineTo(points.at(-1)[0] * canvas.width + 0.01, points.at(-1)[1] * canvas.height);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  clicked(place, combine) {
    const [x, y] = this.photoPoint(place);
    this.lastClick = { x: Math.min(x, this.state.photo.width - 1), y: Math.min(y, this.state.photo.height - 1), combine };
    this.link.ask("click", { ...this.lastClick, tolerance: this.tolerance.get() });
  }

  closePolygon(erase) {
    // a double click has set its last corner twice
    const points = this.corners.filter(([x, y], i) => !i || Math.hypot(x - this.corners[i - 1][0], y - this.corners[i - 1][1]) > 0.004)
      .map((corner) => this.photoPoint(corner));
    this.corners = [];
    this.drawPointer();
    this.link.ask("polygon", { points, erase: Boolean(erase) });
  }

  canvasKey(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      this.cursor = this.cursor.map((value, i) => Math.min(1, Math.max(0, value + 0.02 * step[i])));
      this.drawPointer(this.cursor);
    } else if (event.key === " ") {
      if (this.tool === "click") this.clicked(this.cursor, event.shiftKey ? "add" : "replace");
      else if (this.tool === "polygon") this.corners.push(this.cursor);
      else {
        this.pen = [[...this.cursor, 1]];
        this.paint([...this.pen, ...this.pen]);
        this.up();
      }
    } else if (event.key === "Enter" && this.corners.length) this.closePolygon(event.altKey);
    else if (event.key === "Escape") this.corners = [];
    else if (event.key === "Backspace") this.corners.pop();
    else return;
    event.preventDefault();
    this.drawPointer(this.cursor);
  }

  keydown(event) {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && !["text", "number"].includes(event.target.type)) {
      const tool = Object.entries(TOOLS).find(([, [, , key]]) => key === event.key.toLowerCase());
      if (tool) this.chooseTool(tool[0]);
      if (event.key === "[" || event.key === "]") {
        this.size.set(Math.max(2, this.size.get() + (event.key === "]" ? 4 : -4)));
        this.drawPointer(this.cursor);
      }
    }
    super.keydown(event);
  }

  chooseTool(name) {
    this.tool = name;
    this.corners = [];
    for (const node of this.toolButtons) node.setAttribute("aria-pressed", String(node.dataset.tool === name));
    this.drawPointer();
  }

  drawPointer(place) {
    const { pointer } = this;
    const context = pointer.getContext("2d");
    pointer.width = pointer.clientWidth;
    pointer.height = pointer.clientHeight;
    if (place) this.cursor = place;
    const points = this.corners.map(([x, y]) => [x * pointer.width, y * pointer.height]);
    for (const [width, tone] of [[3, "rgba(0,0,0,0.7)"], [1.5, "white"]]) {
      context.lineWidth = width;
      context.strokeStyle = tone;
      context.beginPath();
      points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      if (place) {
        const [x, y] = [place[0] * pointer.width, place[1] * pointer.height];
        if (points.length) context.lineTo(x, y);
        if (this.tool === "brush" || this.tool === "eraser") {
          context.moveTo(x + this.size.get() / 2, y);
          context.arc(x, y, this.size.get() / 2, 0, 7);
        }
      }
      context.stroke();
    }
  }

  // --- replies

  receiveMore(content, buffers, generation) {
    if (content.type === "matte") {
      let canvas = this.mattes.get(content.roi);
      if (!canvas) {
        canvas = h("canvas", { "data-roi": content.roi });
        this.mattes.set(content.roi, canvas);
        this.overlays.append(canvas);
      }
      if (!this.pen) draw(canvas, buffers[0]).then(() => {
        this.showMattes();
        this.root.dataset.matte = generation;
      });
    } else if (content.type === "slice") this.showSlice(content, buffers);
  }

  showSlice({ roi, channels, reads }, buffers) {
    const names = buffers.map((bytes, i) => {
      const channel = channels[0] + i - (reads.length ? 1 : 0);
      return reads.length && i === 0 ? "matte" : `channel ${channel}`;
    });
    const figures = buffers.map((bytes, i) => {
      const read = reads[i - 1];
      const note = read === undefined ? names[i] : `${names[i]}: ${Math.round(100 * read)} %`;
      return h("figure", {}, h("img", { src: URL.createObjectURL(new Blob([bytes])), alt: names[i] }), h("figcaption", {}, note));
    });
    const range = channels[0] === channels[1] ? `channel ${channels[0]}` : `channels ${channels[0]}–${channels[1]}`;
    const text = reads.length ? `${roi}: ${range} alone` : `no mask reads ${range}`;
    const row = h("div", { className: "slice", "data-roi": roi }, h("b", {}, text), h("div", { className: "row" }, ...figures));
    const old = this.slicesBox.querySelector(`[data-roi="${roi}"]`);
    if (old) old.replaceWith(row);
    else this.slicesBox.append(row);
    this.middle.scrollTop = this.details.offsetTop; // they come below the photo, out of sight
    this.sliceNote ??= this.slicesBox.insertAdjacentElement("afterbegin", h("p", { className: "hint" },
      "Each mask is predicted from its region's own channels and from no others. The percentage says by how much the " +
      "mask changes when that channel is flattened to its mean."));
  }

  showMattes() {
    for (const [roi, canvas] of this.mattes) {
      const chosen = roi === this.state?.roi;
      canvas.style.opacity = this.hidden.has(roi) ? 0 : this.opacity.get() * (chosen ? 1 : 0.35);
      canvas.style.zIndex = chosen ? 2 : 1;
    }
  }

  update() {
    const changed = this.photoShown !== this.state.photo?.name;
    super.update();
    const { state } = this;
    this.photoShown = state.photo?.name;
    if (changed && this.details.open && state.loaded) this.link.ask("slices");
    this.heading.textContent = `Style inside the ${state.roi} mask`;
    const rows = state.rois.map(({ name, colour }) =>
      h("div", { className: name === state.roi ? "maskrow on" : "maskrow" },
        button(this.hidden.has(name) ? "○" : "●", `Show or hide the ${name} mask`, () => {
          if (!this.hidden.delete(name)) this.hidden.add(name);
          this.update();
        }, { style: `color:${colour}` }),
        button(name, `Change the ${name} mask`, () => this.link.ask("choose_roi", { roi: name }), { "data-mask": name, className: "name" }),
        h("small", {}, state.cover[name] === undefined ? "" : `${(100 * state.cover[name]).toFixed(1)} %`),
        h("small", {}, state.layers.some((layer) => layer.drawn && layer.rois.length === 1 && layer.rois[0] === name) ? "drawn" : "predicted"),
      ));
    this.maskList.replaceChildren(...rows);
    const layer = state.layer === null ? null : state.layers[state.layer];
    const shows = new Map(state.styles.map((style) => [style.name, style.rois]));
    this.fillThumbs(this.styleThumbs, state.styles.map((style) => style.name), layer?.face,
      (name) => this.link.ask("use_style", { name }),
      (name) => (shows.get(name).includes(state.roi) ? "" : `${name} shows no ${state.roi}`));
    this.showMattes();
  }
}

export default {
  render({ model, el }) {
    const editor = new Mask(model, el);
    return () => editor.close();
  },
};
