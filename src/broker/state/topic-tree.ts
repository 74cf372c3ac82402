/**
 * Two indexes by topic level: filters that are asked for all that match a topic, and topics that are
 * asked for all that match a filter [MQTT 5, 4.7]. They know words between slashes and nothing of MQTT's
 * sessions or messages. Topics and filters are taken to be valid, and compared as they are [MQTT-4.7.3-4].
 */

interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  value?: Value;
}

/** The node of a topic or filter, created where it is not there. */
function grow<Value>(root: Node<Value>, text: string): Node<Value> {
  let node = root;
  for (const level of text.split('/')) {
    let child = node.children.get(level);
    if (child === undefined) {
      child = {children: new Map()};
      node.children.set(level, child);
    }
    node = child;
  }
  return node;
}

/** Removes the value of a topic or filter, with the nodes that lead to no other. False: there is no value. */
function prune<Value>(root: Node<Value>, text: string): boolean {
  const levels = text.split('/');
  const path = [root];
  for (const level of levels) {
    const child = path.at(-1)!.children.get(level);
    if (child === undefined) return false;
    path.push(child);
  }
  if (path.at(-1)!.value === undefined) return false;
  delete path.at(-1)!.value;
  for (let depth = levels.length; depth > 0; depth--) {
    const node = path[depth]!;
    if (node.value !== undefined || node.children.size > 0) break;
    path[depth - 1]!.children.delete(levels[depth - 1]!);
  }
  return true;
}

interface Level<Value> {
  readonly level: string;
  readonly depth: number;
  readonly value?: Value | undefined;
}

/** Values by topic filter. */
export class FilterTree<Value> {
  readonly #root: Node<Value> = {children: new Map()};
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(filter: string): Value | undefined {
    let node: Node<Value> | undefined = this.#root;
    for (const level of filter.split('/')) {
      node = node.children.get(level);
      if (node === undefined) return undefined;
    }
    return node.value;
  }

  set(filter: string, value: Value): void {
    const node = grow(this.#root, filter);
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  delete(filter: string): void {
    if (prune(this.#root, filter)) this.#size--;
  }

  /** All levels of all filters, a level before those below it; `value` where a filter ends. */
  *levels(): Generator<Level<Value>> {
    const walk = function* (node: Node<Value>, depth: number): Generator<Level<Value>> {
      for (const [level, child] of node.children) {
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
    const take = (node: Node<Value> | undefined) => {
      if (node?.value !== undefined) found.push(node.value);
    };
    const walk = (node: Node<Value>, depth: number) => {
      const wild = depth > 0 || !topic.startsWith('$');
      if (wild) take(node.children.get('#'));
      if (depth === levels.length) {
        take(node);
        return;
      }
      const level = levels[depth]!;
      const exact = node.children.get(level);
      if (exact !== undefined) walk(exact, depth + 1);
      const any = wild ? node.children.get('+') : undefined;
      if (any !== undefined) walk(any, depth + 1);
    };
    walk(this.#root, 0);
    return found;
  }
}

/** Values by topic name. */
export class TopicTree<Value> {
  readonly #root: Node<Value> = {children: new Map()};
  readonly #values = new Map<string, Node<Value>>();

  get size(): number {
    return this.#values.size;
  }

  get(topic: string): Value | undefined {
    return this.#values.get(topic)?.value;
  }

  set(topic: string, value: Value): void {
    const node = this.#values.get(topic) ?? grow(this.#root, topic);
    this.#values.set(topic, node);
    node.value = value;
  }

  delete(topic: string): boolean {
    return this.#values.delete(topic) && prune(this.#root, topic);
  }

  /** All topics and values, in the order they were first set. */
  *entries(): IterableIterator<readonly [topic: string, value: Value]> {
    for (const [topic, node] of this.#values) yield [topic, node.value!];
  }

  /** The values of all topics that match the filter, under the same rules as above. */
  match(filter: string): Value[] {
    const found: Value[] = [];
    const levels = filter.split('/');
    const takeAll = (node: Node<Value>, top: boolean) => {
      if (node.value !== undefined) found.push(node.value);
      for (const [level, child] of node.children) if (!top || !level.startsWith('$')) takeAll(child, false);
    };
    const walk = (node: Node<Value>, depth: number) => {
      const level = levels[depth];
      if (level === undefined) {
        if (node.value !== undefined) found.push(node.value);
      } else if (level === '#') {
        takeAll(node, depth === 0);
      } else if (level === '+') {
        for (const [name, child] of node.children) {
          if (depth > 0 || !name.startsWith('$')) walk(child, depth + 1);
        }
      } else {
        const child = node.children.get(level);
        if (child !== undefined) walk(child, depth + 1);
      }
    };
    walk(this.#root, 0);
    return found;
  }
}
