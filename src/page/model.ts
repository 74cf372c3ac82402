/** What the page knows: messages, topics, the connection, and what the reader has chosen. Views ask to be called when it changes. */

import {BrokerLink} from './broker/broker-link.ts';
import type {PageMessage} from './state/message.ts';
import {MessageLog} from './state/message-log.ts';
import {MessageView} from './state/message-view.ts';
import {type TopicNode, TopicTree} from './state/topic-tree.ts';

/** What the details show: a message, or the last one of a topic. */
export type Selection =
  | {readonly kind: 'message'; readonly message: PageMessage}
  | {readonly kind: 'topic'; readonly path: string};

export const panels = ['topics', 'messages', 'details', 'publish', 'clients', 'faults'] as const;
export type Panel = (typeof panels)[number];

/** A message for the form, to be changed and published. */
export type Draft = Pick<PageMessage, 'topic'> & Partial<PageMessage>;

/** Milliseconds between two views of messages that come one after the other: as usual, and when there are many. */
const pause = {usual: 100, busy: 250};
/** Messages in a second that are many. */
const busyRate = 500;

export class PageModel {
  readonly log = new MessageLog();
  readonly view = new MessageView(this.log);
  readonly tree = new TopicTree();
  readonly link: BrokerLink;
  selection: Selection | undefined;
  panel: Panel = 'details';
  /** The reader has stopped the list of messages. */
  isPaused = false;
  /** What the form begins with, when it has been filled from a message. */
  draft: Draft | undefined;
  /** A sentence about what did not work. */
  notice: string | undefined;
  /** Messages since the page was opened or cleared. */
  total = 0;
  /** Messages in the last second. */
  rate = 0;
  #number = 0;
  #second = {start: 0, count: 0};
  #isScheduled = false;
  readonly #listeners = new Set<() => void>();

  constructor(name: string) {
    this.link = new BrokerLink(name, {
      changed: () => this.changed(),
      connected: () => this.tree.forgetRetained(),
      problem: (sentence) => {
        this.notice = sentence;
        this.changed();
      },
      message: ({payload, ...rest}) => {
        // A copy: what comes is a part of a larger buffer.
        const bytes = new Uint8Array(payload);
        this.#add({...rest, payload: bytes, size: bytes.length, time: Date.now(), number: ++this.#number});
      },
    });
    setInterval(() => this.#measure(), 1000);
  }

  #add(message: PageMessage): void {
    this.total++;
    this.#second.count++;
    this.log.add(message);
    this.tree.add(message);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const show = () => {
      this.#isScheduled = false;
      this.changed();
    };
    const wait = this.rate > busyRate ? pause.busy : pause.usual;
    setTimeout(() => requestAnimationFrame(show), wait);
  }

  #measure(): void {
    const now = performance.now();
    const rate = Math.round((this.#second.count * 1000) / (now - this.#second.start));
    this.#second = {start: now, count: 0};
    if (rate === this.rate) return;
    this.rate = rate;
    this.changed();
  }

  /** Calls the views. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Calls back at each change, until the returned function is called. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The message that is selected: as it came, where it is still there as a whole. */
  get selected(): PageMessage | undefined {
    if (this.selection?.kind === 'message') return this.selection.message;
    const last = this.selectedNode?.last;
    return last && (this.log.find(last.number) ?? last);
  }

  get selectedNode(): TopicNode | undefined {
    return this.selection?.kind === 'topic' ? this.tree.find(this.selection.path) : undefined;
  }

  select(selection: Selection): void {
    this.selection = selection;
    this.changed();
  }

  show(panel: Panel): void {
    this.panel = panel;
    this.changed();
  }

  /** Fills the form. */
  compose(draft: Draft): void {
    this.draft = draft;
    this.show('publish');
  }

  /** Forgets messages and counts. */
  clear(): void {
    this.log.clear();
    this.view.clear();
    this.tree.clear();
    this.selection = undefined;
    this.total = 0;
    this.changed();
  }
}
