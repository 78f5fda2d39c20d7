// The socket. Of each kind of wish the newest counts, here as on the server: at most one is sent for each frame of the screen.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Live {
  constructor(changed) {
    this.changed = changed; // called with true and false as the connection comes and goes
    this.ids = 0;
    this.pending = new Map(); // by lane: what is to be sent
    this.waiting = new Map(); // by id: lane and promise
    this.tries = 0;
    this.connect();
  }

  connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.tries = 0; this.changed(true); this.flush(); };
    socket.onmessage = (event) => this.take(event.data);
    socket.onclose = () => {
      for (const { resolve } of this.waiting.values()) resolve(null);
      this.waiting.clear();
      this.changed(false);
      this.tries += 1;
      setTimeout(() => this.connect(), Math.min(5000, 400 * this.tries));
    };
    this.socket = socket;
  }

  /** Ask; the answer is {about, content}, or null if a newer question took the place of this one. */
  ask(lane, values, content = null) {
    const id = (this.ids += 1);
    return new Promise((resolve) => {
      const before = this.pending.get(lane);
      if (before) { this.waiting.get(before.values.id)?.resolve(null); this.waiting.delete(before.values.id); }
      this.waiting.set(id, { lane, resolve });
      this.pending.set(lane, { values: { ...values, lane, id }, content });
      if (!this.planned) {
        this.planned = true;
        const go = () => { if (this.planned) { this.planned = false; this.flush(); } };
        requestAnimationFrame(go);
        setTimeout(go, 50); // pages that are not seen have no frames
      }
    });
  }

  flush() {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    for (const { values, content } of this.pending.values()) {
      const head = encoder.encode(JSON.stringify(values));
      const message = new Uint8Array(4 + head.length + (content?.byteLength ?? 0));
      new DataView(message.buffer).setUint32(0, head.length);
      message.set(head, 4);
      if (content) message.set(new Uint8Array(content), 4 + head.length);
      this.socket.send(message);
    }
    this.pending.clear();
  }

  take(data) {
    const length = new DataView(data).getUint32(0);
    const about = JSON.parse(decoder.decode(new Uint8Array(data, 4, length)));
    const content = data.slice(4 + length);
    for (const [id, { lane, resolve }] of [...this.waiting]) {
      if (lane === about.lane && id <= about.id) {
        this.waiting.delete(id);
        resolve(id === about.id ? { about, content } : null);
      }
    }
  }
}
