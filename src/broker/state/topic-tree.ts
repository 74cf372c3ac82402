/**
 * Two indexes by topic level: filters that are asked for all that match a topic, and topics that are
 * asked for all that match a filter [MQTT 5, 4.7]. They know words between slashes and nothing of MQTT's
 * sessions or messages. Topics and filters are taken to be valid, and compared as they are [MQTT-4.7.3-4].
 */

/**
 * One level of a path. Most nodes have one child or none: a Map for each would take four times the memory of a topic
 * with many levels.
 */
class TreeNode<Value> {
  value: Value | undefined = undefined;
  /** The level of the only child. */
  #level = '';
  #only: TreeNode<Value> | undefined = undefined;
  /** Two children and more. */
  #children: Map<string, TreeNode<Value>> | undefined = undefined;

  get isEmpty(): boolean {
    return this.value === undefined && this.#only === undefined && this.#children === undefined;
  }

  child(level: string): TreeNode<Value> | undefined {
    if (this.#children !== undefined) return this.#children.get(level);
    return this.#level === level ? this.#only : undefined;
  }

  /** The child of this level, which is made where there is none. */
  grow(level: string): TreeNode<Value> {
    const known = this.child(level);
    if (known !== undefined) return known;
    const fresh = new TreeNode<Value>();
    if (this.#children !== undefined) this.#children.set(level, fresh);
    else if (this.#only === undefined) {
      this.#level = level;
      this.#only = fresh;
    } else {
      this.#children = new Map([
        [this.#level, this.#only],
        [level, fresh],
      ]);
      this.#only = undefined;
    }
    return fresh;
  }

  cut(level: string): void {
    if (this.#children === undefined) this.#only = undefined;
    else if (this.#children.delete(level) && this.#children.size === 0) this.#children = undefined;
  }

  /** The levels below; may be changed meanwhile. */
  entries(): Iterable<readonly [level: string, child: TreeNode<Value>]> {
    return this.#children ?? (this.#only === undefined ? [] : [[this.#level, this.#only]]);
  }

  /** The nodes below that match this level of a filter, undefined if there are none; may be changed meanwhile. */
  matching(level: string, isFirst: boolean): Iterator<TreeNode<Value>> | undefined {
    if (level === '+' && isFirst) return this.#withoutDollar();
    if (level === '+' && this.#children !== undefined) return this.#children.values();
    const child = level === '+' ? this.#only : this.child(level);
    return child && only(child);
  }

  *#withoutDollar(): Generator<TreeNode<Value>, void> {
    for (const [level, child] of this.entries()) if (!level.startsWith('$')) yield child;
  }
}

function only<Item>(item: Item): Iterator<Item> {
  return [item].values();
}

interface Level<Value> {
  readonly level: string;
  readonly depth: number;
  readonly value?: Value | undefined;
}

/** Takes the value of a path away, and the nodes that nothing needs any more; whether it had one. */
function remove<Value>(root: TreeNode<Value>, levels: readonly string[]): boolean {
  const path = [root];
  for (const level of levels) {
    const child = path.at(-1)!.child(level);
    if (child === undefined) return false;
    path.push(child);
  }
  const last = path.at(-1)!;
  if (last.value === undefined) return false;
  last.value = undefined;
  for (let depth = levels.length; depth > 0 && path[depth]!.isEmpty; depth--) {
    path[depth - 1]!.cut(levels[depth - 1]!);
  }
  return true;
}

/** Values by topic filter. */
export class FilterTree<Value> {
  readonly #root = new TreeNode<Value>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(filter: string): Value | undefined {
    let node: TreeNode<Value> | undefined = this.#root;
    for (const level of filter.split('/')) {
      node = node.child(level);
      if (node === undefined) return undefined;
    }
    return node.value;
  }

  set(filter: string, value: Value): void {
    let node = this.#root;
    for (const level of filter.split('/')) node = node.grow(level);
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  delete(filter: string): void {
    if (remove(this.#root, filter.split('/'))) this.#size--;
  }

  /** All levels of all filters, a level before those below it; `value` where a filter ends. */
  *levels(): Generator<Level<Value>> {
    const walk = function* (node: TreeNode<Value>, depth: number): Generator<Level<Value>> {
      for (const [level, child] of node.entries()) {
        yield {level, depth, value: child.value};
        yield* walk(child, depth + 1);
      }
    };
    yield* walk(this.#root, 0);
  }

  /**
   * The values of all filters that match the topic. A leading wildcard matches no topic that begins
   * with $ [MQTT-4.7.2-1]; a/# matches a itself [4.7.1.2].
   */
  match(topic: string): Value[] {
    const found: Value[] = [];
    const levels = topic.split('/');
    const take = (node: TreeNode<Value> | undefined) => {
      if (node?.value !== undefined) found.push(node.value);
    };
    const walk = (node: TreeNode<Value>, depth: number) => {
      const wild = depth > 0 || !topic.startsWith('$');
      if (wild) take(node.child('#'));
      if (depth === levels.length) {
        take(node);
        return;
      }
      const level = levels[depth]!;
      const exact = node.child(level);
      if (exact !== undefined) walk(exact, depth + 1);
      const any = wild ? node.child('+') : undefined;
      if (any !== undefined) walk(any, depth + 1);
    };
    walk(this.#root, 0);
    return found;
  }
}

/** Nodes that `match` visits before it yields. */
const nodesAtOnce = 100;

/** Values by topic name. */
export class TopicTree<Value> {
  readonly #root = new TreeNode<Value>();
  readonly #values = new Map<string, TreeNode<Value>>();

  get size(): number {
    return this.#values.size;
  }

  get(topic: string): Value | undefined {
    return this.#values.get(topic)?.value;
  }

  set(topic: string, value: Value): void {
    let node = this.#values.get(topic);
    if (node === undefined) {
      node = this.#root;
      for (const level of topic.split('/')) node = node.grow(level);
      this.#values.set(topic, node);
    }
    node.value = value;
  }

  delete(topic: string): boolean {
    return this.#values.delete(topic) && remove(this.#root, topic.split('/'));
  }

  /** All topics and values, in the order they were first set. */
  *entries(): IterableIterator<readonly [topic: string, value: Value]> {
    for (const [topic, node] of this.#values) yield [topic, node.value!];
  }

  /**
   * Calls `found` with the values of all topics that match the filter, under the same rules as above. Yields now and
   * then the number of nodes visited since, so that a long walk can be interrupted. The tree may be changed
   * meanwhile.
   */
  *match(filter: string, found: (value: Value) => void): Generator<number, void> {
    const levels = filter.split('/');
    const isOpen = levels.at(-1) === '#';
    const fixed = isOpen ? levels.length - 1 : levels.length;
    /** The nodes still to be visited, at each depth. */
    const waiting: Iterator<TreeNode<Value>>[] = [only(this.#root)];
    let nodes = 0;
    for (let siblings = waiting.at(-1); siblings !== undefined; siblings = waiting.at(-1)) {
      const depth = waiting.length - 1;
      const next = siblings.next();
      if (next.done) {
        waiting.pop();
        continue;
      }
      const node = next.value;
      if (node.value !== undefined && (depth === fixed || (isOpen && depth > fixed))) found(node.value);
      if (depth < fixed || isOpen) {
        const below = node.matching(depth < fixed ? levels[depth]! : '+', depth === 0);
        if (below !== undefined) waiting.push(below);
      }
      if (++nodes < nodesAtOnce) continue;
      yield nodes;
      nodes = 0;
    }
    yield nodes;
  }
}
