/**
 * In place of `lru-cache`, which MQTT.js loads for a table of topic aliases: the few methods used there,
 * least recently used first out, without touching `performance`, whose first use loads much of Node.
 */

exports.LRUCache = class LRUCache {
  #entries = new Map();
  #max;

  /** @param {{max: number}} options */
  constructor({max}) {
    this.#max = max;
  }

  get size() {
    return this.#entries.size;
  }

  /** @param {unknown} key */
  get(key) {
    const value = this.#entries.get(key);
    if (this.#entries.delete(key)) this.#entries.set(key, value);
    return value;
  }

  /** @param {unknown} key @param {unknown} value */
  set(key, value) {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) this.#entries.delete(this.#entries.keys().next().value);
    return this;
  }

  clear() {
    this.#entries.clear();
  }

  /** Most recently used first. */
  keys() {
    return [...this.#entries.keys()].reverse().values();
  }
};
