/** The topics as a tree of levels, with counts and last messages; bounded in number and bytes. */

import {type PageMessage, weightOf} from './message.ts';

/** A level of topics: itself a topic where it has a last message. */
export interface TopicNode {
  readonly name: string;
  /** The topic up to this level. */
  readonly path: string;
  readonly depth: number;
  readonly parent: TopicNode | undefined;
  readonly children: Map<string, TopicNode>;
  /** Messages to this topic. */
  count: number;
  /** Messages to this topic and those below it. */
  total: number;
  last: PageMessage | undefined;
  isRetained: boolean;
  isOpen: boolean;
}

export interface TreeLimits {
  readonly nodes: number;
  /** Bytes of last messages, beyond which only the beginnings of payloads are kept; and characters of topics. */
  readonly bytes: number;
}

const usualLimits: TreeLimits = {nodes: 20_000, bytes: 16_777_216};
/** Bytes of a payload that are kept in the tree: as usual, and when the bytes are used up. */
const keptBytes = {usual: 65_536, crowded: 256};
/** Levels that open by themselves. */
const openNodes = 60;

function newNode(name: string, parent: TopicNode | undefined, isOpen: boolean): TopicNode {
  return {
    name,
    path: parent?.parent === undefined ? name : `${parent.path}/${name}`,
    depth: parent === undefined ? 0 : parent.depth + 1,
    parent,
    children: new Map(),
    count: 0,
    total: 0,
    last: undefined,
    isRetained: false,
    isOpen,
  };
}

export class TopicTree {
  readonly #limits: TreeLimits;
  #root = newNode('', undefined, true);
  #nodes = 0;
  #bytes = 0;
  #characters = 0;
  #omitted = 0;

  constructor(limits = usualLimits) {
    this.#limits = limits;
  }

  /** The number of levels. */
  get size(): number {
    return this.#nodes;
  }

  /** Messages to topics for which there was no room. */
  get omitted(): number {
    return this.#omitted;
  }

  add(message: PageMessage): void {
    const node = this.#node(message.topic);
    if (node === undefined) {
      this.#omitted++;
      return;
    }
    node.count++;
    for (let each: TopicNode | undefined = node; each !== undefined; each = each.parent) each.total++;
    if (message.retain) node.isRetained = message.size > 0;
    const most = this.#bytes < this.#limits.bytes ? keptBytes.usual : keptBytes.crowded;
    const last = weightOf(message) <= most ? message : beginningOf(message, most);
    this.#bytes += weightOf(last) - (node.last === undefined ? 0 : weightOf(node.last));
    node.last = last;
  }

  /** The node of a topic, made if there is room. */
  #node(topic: string): TopicNode | undefined {
    const names = topic.split('/');
    let node = this.#root;
    for (const [index, name] of names.entries()) {
      let next = node.children.get(name);
      if (next === undefined) {
        const {nodes, bytes} = this.#limits;
        if (this.#nodes + names.length - index > nodes || this.#characters > bytes) return undefined;
        next = newNode(name, node, this.#nodes < openNodes);
        node.children.set(name, next);
        this.#nodes++;
        this.#characters += next.path.length;
      }
      node = next;
    }
    return node;
  }

  /** The node of a topic that has come, or of a level above one. */
  find(path: string): TopicNode | undefined {
    let node: TopicNode | undefined = this.#root;
    for (const name of path.split('/')) node = node?.children.get(name);
    return node;
  }

  /** Which messages are retained is known again when the broker has sent them. */
  forgetRetained(): void {
    for (const node of this.#all(this.#root)) node.isRetained = false;
  }

  *#all(node: TopicNode): Generator<TopicNode, void, undefined> {
    for (const child of node.children.values()) {
      yield child;
      yield* this.#all(child);
    }
  }

  /** Opens or closes all levels. */
  openAll(isOpen: boolean): void {
    for (const node of this.#all(this.#root)) node.isOpen = isOpen;
  }

  /** The nodes that are to be seen, in the order of the tree; with a text, those whose topics have it, and those above. */
  rows(text = ''): readonly TopicNode[] {
    const rows: TopicNode[] = [];
    if (text === '') addOpen(this.#root, rows);
    else addMatching(this.#root, text.toLowerCase(), rows);
    return rows;
  }

  clear(): void {
    this.#root = newNode('', undefined, true);
    this.#nodes = 0;
    this.#bytes = 0;
    this.#characters = 0;
    this.#omitted = 0;
  }
}

/** The message without its properties, and with a payload of at most so many bytes. */
function beginningOf(message: PageMessage, bytes: number): PageMessage {
  return {...message, payload: message.payload.slice(0, bytes), properties: {}};
}

function addOpen({children}: TopicNode, rows: TopicNode[]): void {
  for (const child of children.values()) {
    rows.push(child);
    if (child.isOpen) addOpen(child, rows);
  }
}

/** Returns whether a node was added. */
function addMatching({children}: TopicNode, text: string, rows: TopicNode[]): boolean {
  const before = rows.length;
  for (const child of children.values()) {
    const place = rows.push(child) - 1;
    const hasBelow = addMatching(child, text, rows);
    if (!hasBelow && !child.path.toLowerCase().includes(text)) rows.length = place;
  }
  return rows.length > before;
}
