/**
 * What `pub` shows on a terminal while one message takes its time, or is sent again and again: how much of
 * it the network has taken, how fast, and how long it will go on. Without a terminal, or TMQ_NO_FASTPATH
 * wants the payload written as it is, the payload stays what it was.
 */

import type {Payload} from '../../client/types.ts';
import type {Io} from '../../io/process.ts';
import {bytesText, durationText, grouped, recentRate, statusLine, unwatched} from '../../io/status-line.ts';
import type {ClientPlan} from '../client/client-options.ts';
import {isWatched} from './line-progress.ts';

export interface MessagesProgress {
  readonly sent: number;
  readonly count: number;
  /** Before it is so, something else is waited for, and shown. */
  readonly isAccepted: () => boolean;
}

export interface MessagesWatch extends Disposable {
  /** To be sent instead: it tells of its bytes on their way. */
  readonly payload: Payload;
}

/** From here on a message is large. */
const largeBytes = 1_000_000;

/** So much is written, and counted, in one go: little enough for a slow line to show that it moves. */
const pieceBytes = 65_536;

/** Shows how often a message was sent, and how far a large one has come. */
export function watchMessages(
  payload: Payload,
  progress: MessagesProgress,
  {plan, io}: {readonly plan: ClientPlan; readonly io: Io},
): MessagesWatch {
  const {count} = progress;
  const {length} = payload;
  if (!isWatched(plan, io) || (count === 1 && length < largeBytes)) {
    return {payload, [Symbol.dispose]: unwatched[Symbol.dispose]};
  }
  const written = {bytes: 0};
  const rateOf = recentRate();
  const line = statusLine(io, () => {
    if (!progress.isAccepted()) return '';
    const bytesPerSecond = rateOf(written.bytes, performance.now() / 1000);
    return messagesText({count, sent: progress.sent, bytes: length, written: written.bytes, bytesPerSecond});
  });
  const isCounted = length >= largeBytes && (io.env.TMQ_NO_FASTPATH ?? '') === '';
  return {payload: isCounted ? counted(payload, written) : payload, [Symbol.dispose]: line[Symbol.dispose]};
}

type Write = (piece: Uint8Array) => Promise<boolean>;

/** The same payload, in pieces that are counted when they were taken. */
function counted(payload: Payload, written: {bytes: number}): Payload {
  const send = (write: Write) =>
    payload instanceof Uint8Array ? write(payload).then(() => undefined) : payload.send(write);
  return {
    length: payload.length,
    async send(write) {
      written.bytes = 0;
      let before = Promise.resolve(true);
      const inPieces = async (bytes: Uint8Array) => {
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          const piece = bytes.subarray(at, at + pieceBytes);
          if (!(await write(piece))) return false;
          written.bytes += piece.length;
        }
        return true;
      };
      await send((bytes) => {
        before = before.then((taken) => taken && inPieces(bytes));
        return before;
      });
    },
  };
}

export interface MessagesState {
  readonly sent: number;
  readonly count: number;
  readonly bytes: number;
  /** What the network has taken of the present message. */
  readonly written: number;
  readonly bytesPerSecond: number | undefined;
}

/** '12.2 MB of 45.0 MB sent, 27%, 3.4 MB/s, 10 s left', 'Sending 20.0 kB, 1 of 3 sent' */
export function messagesText({sent, count, bytes, written, bytesPerSecond}: MessagesState): string {
  const isUnderWay = written > 0 && written < bytes;
  const percent = `${Math.floor((written / bytes) * 100)}%`;
  if (count > 1) {
    const often = `Sending ${bytesText(bytes)}, ${grouped(sent)} of ${grouped(count)} sent`;
    return isUnderWay ? `${often}, ${percent} of the next` : often;
  }
  if (written === 0) return `Sending ${bytesText(bytes)}`;
  if (!isUnderWay) return `${bytesText(bytes)} sent, waiting for the broker`;
  const parts = [`${bytesText(written)} of ${bytesText(bytes)} sent`, percent];
  if (bytesPerSecond !== undefined) {
    parts.push(`${bytesText(Math.round(bytesPerSecond))}/s`);
    if (bytesPerSecond > 0) parts.push(`${durationText((bytes - written) / bytesPerSecond)} left`);
  }
  return parts.join(', ');
}
