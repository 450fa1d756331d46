// What both editors show: the bar, the gallery, the stage with its wipe, the layers, the status line.

const FACTS_MS = 200; // between updates of the status line's figures: nobody reads faster, and each is a new layout

class Panels {
  constructor(model, el, name) {
    this.name = name;
    this.state = null;
    this.thumbs = new Map();
    this.parts = new Map();
    this.named = {}; // region -> its named styles
    this.newest = 0; // generation of the state on show
    this.shown = 0; // and of the picture
    this.link = new Link(
      model,
      (content, buffers, generation) => this.receive(content, buffers, generation),
      (silent) => this.silence(silent),
    );
    this.keyframes = new Keyframes(this.link);
    this.link.onPost = (generation) => (this.root.dataset.asked = generation);
    this.key = `l2sae:${name}`;
    this.root = h("div", {
      className: "l2sae",
      tabIndex: -1,
      role: "region",
      "aria-label": model.get("title"),
      "data-lm-suppress-shortcuts": "true",
      onkeydown: (event) => this.keydown(event),
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => this.takePhoto(event, event.dataTransfer),
      onpaste: (event) => this.takePhoto(event, event.clipboardData),
    });
    this.bar = h("div", { className: "bar", role: "toolbar", "aria-label": "Region, view and files" });
    this.left = h("div", { className: "side left" });
    this.right = h("div", { className: "side right" });
    this.middle = h("div", { className: "middle" });
    this.said = h("span", { className: "message", role: "status", "aria-live": "polite" });
    this.facts = h("span", {
      className: "facts", title: "Photo; how well the model reproduces it without any edit; time from input to picture",
    });
    this.banner = h("div", { className: "banner", role: "alert", hidden: true });
    this.root.append(
      this.bar,
      this.banner,
      this.welcome(),
      h("div", { className: "columns" }, this.left, this.middle, this.right),
      h("div", { className: "status" }, this.said, this.facts),
    );
    el.append(this.root);
    this.buildBar();
    this.buildGallery();
    this.buildStage();
    this.buildNamed();
    this.layers = h("div", { className: "layers", role: "list", "aria-label": "Layers" });
  }

  // --- building

  // What to do first, until it has been read.
  welcome() {
    const key = `l2sae:${this.name}:known`;
    const seen = stored(key);
    const node = h("div", { className: "welcome", role: "note", "aria-label": "First steps", hidden: Boolean(seen) },
      h("ol", {}, ...this.firstSteps().map((step) => h("li", {}, step))),
      button("Got it", "Got it: do not show this again", () => {
        node.hidden = true;
        store(key, "yes");
        this.root.focus({ preventScroll: true });
      }),
    );
    return node;
  }

  firstSteps() {
    return [];
  }

  buildBar() {
    this.undo = button("↶ Undo", "Undo (Ctrl+Z)", () => this.link.ask("undo"));
    this.redo = button("↷ Redo", "Redo (Ctrl+Shift+Z)", () => this.link.ask("redo"));
    this.views = h("select", {
      title: "What the picture shows",
      "aria-label": "View",
      onchange: (event) => this.link.ask("set_view", { view: event.target.value }),
    });
    for (const [value, text] of [["edit", "Edit"], ["difference", "Difference ×4"], ["outside", "Outside the ROI"]])
      this.views.append(h("option", { value }, text));
    this.compose = h("select", {
      title: "Composition: keep the photo's own texture, or the decoder's pixels as in the paper",
      "aria-label": "Composition",
      onchange: (event) => this.link.ask("set_compose", { compose: event.target.value }),
    });
    for (const [value, text] of [["detail", "keep detail"], ["replace", "replace"]])
      this.compose.append(h("option", { value }, text));
    this.rois = h("div", { className: "chips", role: "radiogroup", "aria-label": "Region" });
    this.restore = button("Restore last edit", "Take up the edit kept in this browser", () => this.takeUpDraft(), {
      hidden: true,
    });
    const format = h("select", { title: "JPEG is faster and smaller, PNG exact", "aria-label": "Format of exports" },
      h("option", { value: "png" }, "PNG"), h("option", { value: "jpeg" }, "JPEG"));
    const load = filePicker("Load recipe", "Apply the layers of a recipe file", ".json", (file) =>
      this.sendFile("load_recipe", file),
    );
    this.bar.append(
      this.rois,
      h("div", { className: "group" }, this.undo, this.redo),
      h("div", { className: "group" }, this.views, this.compose),
      h("div", { className: "group end" },
        this.restore,
        load,
        button("Save recipe", "Save the edit as a recipe file", () => this.link.ask("save_recipe")),
        format,
        button("Export", "Write the edited photo at full size", () => this.link.ask("export", { format: format.value }), {
          className: "primary",
        }),
      ),
    );
  }

  buildGallery() {
    this.gallery = h("div", { className: "thumbs", role: "group", "aria-label": "Photos" });
    this.path = h("input", { type: "text", placeholder: "path of a photo", "aria-label": "Path of a photo" });
    const open = () => this.link.ask("open_path", { path: this.path.value });
    this.path.addEventListener("keydown", (event) => event.key === "Enter" && open());
    this.pathRow = h("div", { className: "row" }, this.path, button("Open", "Open this path", open));
    this.left.append(
      h("h3", {}, "Photo"),
      h("div", { className: "scroll" }, this.gallery),
      filePicker("Upload a photo…", "Edit a photo of your own; it can also be dropped or pasted here", "image/*", (file) =>
        this.sendFile("upload_photo", file),
      ),
      this.pathRow,
    );
  }

  buildStage() {
    this.before = h("canvas", { className: "before" });
    this.after = h("canvas", { className: "after" });
    this.divider = h("div", { className: "divider" });
    this.stage = h("div", { className: "stage" }, this.before, this.after, this.divider);
    this.empty = h("div", { className: "empty" }, "Waiting for the kernel…");
    this.wipe = h("input", {
      type: "range", min: 0, max: 100, value: 0, title: "Before / after", "aria-label": "Wipe between before and after",
      oninput: () => this.showWipe(this.wipe.valueAsNumber),
    });
    this.wipeRow = h("div", { className: "wipe" }, h("span", {}, "before"), this.wipe, h("span", {}, "after"));
    this.middle.append(h("div", { className: "frame" }, this.stage, this.empty), this.wipeRow);
    this.wipe.style.direction = "rtl";
    this.showWipe(0);
  }

  // Swatches of the region's named styles, and a field for any colour.
  buildNamed() {
    this.swatches = h("div", { className: "swatches", role: "group", "aria-label": "Named styles" });
    this.colour = h("input", {
      type: "color", value: "#7a1f2b", title: "Give the region this mean colour", "aria-label": "Colour of the region",
    });
    this.colour.gesture = null;
    const send = (live) => {
      this.colour.gesture ??= Date.now();
      const args = { code: this.colour.value, gesture: this.colour.gesture };
      if (live) this.link.move("use_colour", args);
      else this.link.ask("use_colour", args);
      if (!live) this.colour.gesture = null;
    };
    this.colour.addEventListener("input", () => send(true));
    this.colour.addEventListener("change", () => send(false));
    this.colourRow = h("label", { className: "colour" }, "colour ", this.colour);
  }

  showWipe(percent) {
    this.after.style.clipPath = `inset(0 0 0 ${percent}%)`;
    this.divider.style.left = `${percent}%`;
    this.divider.hidden = percent <= 0 || percent >= 100;
  }

  // --- replies

  receive(content, buffers, generation) {
    if (content.type === "before") draw(this.before, buffers[0]);
    else if (content.type === "thumbs") {
      content.names.forEach((name, i) => this.thumbs.set(name, URL.createObjectURL(new Blob([buffers[i]]))));
    } else if (content.type === "named") this.named = content.styles;
    else if (content.type === "file") saveFile(content.name, content.mime, buffers[0]);
    else if (content.type === "keyframes") this.keyframes.take(content, buffers);
    else if (content.type === "draft") this.keepDraft(content);
    else if (content.type === "refused") this.tell({ level: "error", text: content.text });
    else if (content.type === "state") {
      if (generation < this.newest) return; // stale
      this.newest = generation;
      const due = () => generation >= this.shown; // pictures overtake each other while they are decoded
      const drawn = buffers.length ? draw(this.after, buffers[0], due) : Promise.resolve(due());
      this.showState(content);
      drawn.then((done) => done && this.pictureShown(generation));
    } else this.receiveMore(content, buffers, generation);
  }

  receiveMore() {}

  // A slider that moves, or was let go: its value is in `args` at `path`. Pictures of its whole way between `ends` are
  // asked for at the second move, since a key or a click moves a slider once.
  slide(action, args, live, path, ends) {
    if (!live) {
      this.keyframes.drop();
      this.link.ask(action, args);
      return;
    }
    const value = path.reduce((part, key) => part[key], args);
    const blended = this.keyframes.at(args.gesture, value);
    if (!blended) {
      this.link.move(action, args);
      if (ends && this.state.view === "edit") this.keyframes.order(args.gesture, { slider: action, arguments: args, path, ends });
      return;
    }
    const generation = this.link.ownPicture();
    paint(this.after, ...blended);
    this.pictureShown(generation);
  }

  showState(content) {
    this.state = content.state;
    this.update();
  }

  pictureShown(generation) {
    this.shown = generation;
    this.link.shown(generation);
    this.root.dataset.generation = generation;
    this.showStatus();
  }

  silence(silent) {
    this.banner.hidden = !silent;
    if (silent) {
      this.banner.textContent =
        "The kernel does not answer. It is busy, or was restarted: then run the notebook's cells again. " +
        "Your edit is kept in this browser; “Restore last edit” takes it up again.";
    }
  }

  update() {
    const { state } = this;
    this.root.classList.toggle("loaded", state.loaded);
    this.empty.hidden = state.loaded;
    this.empty.textContent = "No photo yet: choose a face on the left, or open a photo of your own.";
    this.undo.disabled = !state.can_undo;
    this.redo.disabled = !state.can_redo;
    this.views.value = state.view;
    this.compose.value = state.compose;
    this.pathRow.hidden = !state.paths;
    if (state.photo) this.stage.style.setProperty("--ratio", state.photo.width / state.photo.height);
    this.fillChips();
    this.fillThumbs(this.gallery, state.faces, state.photo?.name, (name) => this.link.ask("choose_photo", { name }));
    this.fillSwatches();
    this.fillLayers();
    this.tell(state.message);
    this.offerDraft();
  }

  // Whether what a part of the page shows has changed since the last call: rebuilding all of it takes 10 ms.
  changed(part, ...shown) {
    const text = JSON.stringify(shown);
    const same = this.parts.get(part) === text;
    this.parts.set(part, text);
    return !same;
  }

  fillChips() {
    if (!this.changed(this.rois, this.state.rois, this.state.roi)) return;
    const chips = this.state.rois.map(({ name, colour }) =>
      h("button", {
        type: "button", role: "radio", "aria-checked": String(name === this.state.roi), title: `Edit the ${name}`,
        className: name === this.state.roi ? "chip on" : "chip",
        "data-roi": name,
        onclick: () => this.link.ask("choose_roi", { roi: name }),
      }, h("i", { style: `background:${colour}` }), name),
    );
    this.replaceKeepingFocus(this.rois, chips, "roi");
  }

  fillThumbs(box, names, chosen, onchoose, dimmed = () => false) {
    if (!this.changed(box, names.map((name) => [name, dimmed(name), this.thumbs.get(name)]), chosen)) return;
    const thumbs = names.map((name) => {
      const picture = this.thumbs.get(name);
      return h("button", {
        type: "button", title: dimmed(name) || name, "aria-label": name, "aria-pressed": String(name === chosen),
        className: `thumb${name === chosen ? " on" : ""}${dimmed(name) ? " dim" : ""}`,
        "data-name": name,
        onclick: () => onchoose(name),
      }, picture ? h("img", { src: picture, alt: "", draggable: false }) : h("span", {}, name));
    });
    this.replaceKeepingFocus(box, thumbs, "name");
  }

  fillSwatches() {
    const { state } = this;
    const layer = state.layer === null ? null : state.layers[state.layer];
    if (layer?.kind === "colour" && this.colour.gesture === null) this.colour.value = layer.text;
    const chosen = layer?.kind === "named" ? layer.text : null;
    const styles = this.named[state.roi] ?? [];
    if (!this.changed(this.swatches, styles, chosen)) return;
    const swatches = styles.map(({ name, colour }) =>
      h("button", {
        type: "button", title: name, "aria-label": name, "aria-pressed": String(name === chosen), className: "swatch",
        "data-name": name,
        onclick: () => this.link.ask("use_named", { name }),
      }, h("i", { style: `background:${colour}` }), h("span", {}, name)),
    );
    if (swatches.length) this.replaceKeepingFocus(this.swatches, swatches, "name");
    else this.swatches.replaceChildren(h("p", { className: "hint" },
      "This model has no named styles for the region. python -m l2sae.bench make-styles makes them."));
  }

  replaceKeepingFocus(box, nodes, key) {
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset[key] : null;
    box.replaceChildren(...nodes);
    if (focused) nodes.find((node) => node.dataset[key] === focused)?.focus();
  }

  fillLayers() {
    const { layers } = this.state;
    const dragged = this.layerRows?.some((row) => row.strength.busy());
    const apart = layers.map(({ strength, ...others }) => [others, this.thumbs.get(others.face)]);
    // the slider under the finger stays the same element, so that its drag goes on
    const kept = dragged ? this.layerRows.length === layers.length : !this.changed(this.layers, apart, this.state.layer);
    if (kept && this.layerRows) {
      layers.forEach((layer, index) => this.layerRows[index].strength.set(layer.strength));
      return;
    }
    const focused = this.layerRows?.findIndex((row) => row.strength.contains(document.activeElement));
    const rows = layers.map((layer, index) => this.layerRow(layer, index));
    this.layerRows = rows;
    this.layers.setAttribute("role", rows.length ? "list" : "group"); // a list holds nothing but its items
    if (rows.length) this.layers.replaceChildren(...rows.slice().reverse()); // the top layer first, as in any editor
    else this.layers.replaceChildren(h("p", { className: "hint" }, this.layersHint()));
    if (focused >= 0) rows[focused]?.strength.querySelector("input").focus({ preventScroll: true });
  }

  layersHint() {
    return "No layers yet. Choose a region above, then a style for it.";
  }

  layerRow(layer, index) {
    const { link, state } = this;
    const colour = state.rois.find((roi) => roi.name === layer.rois[0])?.colour ?? "gray";
    const icon = this.layerIcon(layer);
    const of = `${layer.rois.join(", ")}, ${layer.text}`;
    const strength = slider("strength", 0, 2, 0.01, layer.strength, (value, gesture, live, ends) =>
      this.slide("set_strength", { index, value, gesture }, live, ["value"], ends), undefined, `strength of ${of}`,
    );
    const row = h("div", {
      role: "listitem", className: `layer${layer.muted ? " muted" : ""}${index === state.layer ? " on" : ""}`,
    },
      h("div", { className: "row" },
        icon,
        h("span", { className: "what", title: layer.text },
          h("b", {}, h("i", { style: `background:${colour}` }), layer.rois.join(", "), layer.drawn ? " ✎" : ""),
          h("small", {}, layer.text),
        ),
        button("▲", `Move up: ${of}`, () => link.ask("move", { index, to: index + 1 }), { disabled: index + 1 >= state.layers.length }),
        button("▼", `Move down: ${of}`, () => link.ask("move", { index, to: index - 1 }), { disabled: index === 0 }),
        button(layer.muted ? "○" : "●", `${layer.muted ? "Switch on" : "Mute"}: ${of}`, () => link.ask("mute", { index, muted: !layer.muted })),
        button("✕", `Delete: ${of}`, () => link.ask("remove", { index })),
      ),
      strength,
    );
    row.strength = strength;
    return row;
  }

  layerIcon(layer) {
    const picture = layer.face ? this.thumbs.get(layer.face) : null;
    if (picture) return h("img", { src: picture, alt: "", className: "icon" });
    const style = this.named[layer.rois[0]]?.find(({ name }) => name === layer.text);
    const colour = { colour: layer.text, named: style?.colour }[layer.kind];
    if (colour) return h("span", { className: "icon kind", style: `background:${colour}` });
    const signs = { noise: "≈", blend: "Σ", arithmetic: "±", map: "⌖", kept: "★" };
    return h("span", { className: "icon kind" }, signs[layer.kind] ?? "◇");
  }

  tell(message) {
    this.message = message ?? {};
    this.showStatus();
  }

  showStatus() {
    const message = this.message ?? {};
    if (this.changed(this.said, message.level, message.text)) {
      this.said.className = `message ${message.level ?? ""}`;
      this.said.textContent = message.text ?? "";
    }
    this.factsDue ??= setTimeout(() => this.showFacts(), FACTS_MS);
  }

  showFacts() {
    this.factsDue = null;
    const { state } = this;
    const facts = [];
    if (state?.photo) facts.push(`${state.photo.name}, ${state.photo.width} × ${state.photo.height}`);
    if (state?.error) facts.push(`reconstruction ${state.error.psnr.toFixed(1)} dB, off by ${state.error.levels.toFixed(1)} of 255`);
    if (this.outside) facts.push(this.outside);
    if (this.link.latency()) facts.push(this.link.latency());
    this.facts.textContent = facts.join("  ·  ");
  }

  // --- the draft

  keepDraft({ photo, recipe }) {
    store(this.key, JSON.stringify({ photo, recipe })); // where it cannot be kept, it can still be saved as a file
  }

  draft() {
    try {
      return JSON.parse(stored(this.key));
    } catch {
      return null;
    }
  }

  offerDraft() {
    this.restore.hidden = this.state.layers.length > 0 || this.state.can_undo || !this.draft();
  }

  takeUpDraft() {
    const draft = this.draft();
    if (!draft) return;
    if (this.state.faces.includes(draft.photo)) this.link.ask("choose_photo", { name: draft.photo });
    else if (this.state.photo?.name !== draft.photo) {
      this.tell({ level: "note", text: `The last edit was of ${draft.photo}: open it, then restore.` });
      return;
    }
    this.link.ask("load_recipe", { name: "last edit" }, [new TextEncoder().encode(draft.recipe).buffer]);
  }

  // A photo that was dropped or pasted here.
  async takePhoto(event, transfer) {
    const file = [...(transfer?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    await this.sendFile("upload_photo", file);
  }

  // A request with a file. A large one goes in parts, each when the one before has arrived.
  async sendFile(action, file) {
    const most = this.link.model.get("most_upload");
    if (file.size > most) {
      const text = `${file.name}: ${megabytes(file.size)} MB; up to ${megabytes(most)} MB can be uploaded`;
      this.tell({ level: "error", text });
      return;
    }
    const upload = file.size > PART ? `${Date.now()}-${Math.random()}` : null;
    const bytes = (start) => file.slice(start, start + PART).arrayBuffer();
    let start = 0;
    try {
      for (; start + PART < file.size; start += PART) {
        this.tell({ level: "note", text: `${file.name}: ${megabytes(start)} of ${megabytes(file.size)} MB sent` });
        await this.link.part(upload, file.name, start / PART, await bytes(start));
      }
      this.link.ask(action, { name: file.name, ...(upload && { upload }) }, [await bytes(start)]);
    } catch (error) { // refused by the kernel, or the file has changed on the disk
      this.tell({ level: "error", text: error.message });
    }
  }

  // --- keys

  keydown(event) {
    const typing = ["text", "number"].includes(event.target.type);
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !typing && (key === "z" || key === "y")) {
      event.preventDefault();
      this.link.ask(key === "y" || event.shiftKey ? "redo" : "undo");
    }
    event.stopPropagation(); // the notebook's own shortcuts would insert and delete cells
  }

  close() {
    this.link.close();
    this.keyframes.drop();
    clearTimeout(this.factsDue);
    for (const url of this.thumbs.values()) URL.revokeObjectURL(url);
  }
}
