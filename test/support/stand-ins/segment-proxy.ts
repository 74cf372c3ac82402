/** A TCP proxy that passes bytes on in segments of a few bytes: packets, frames and their headers arrive cut. */

import {connect, createServer, type Socket} from 'node:net';
import {listening, type TestServer} from '../dialing.ts';

export interface SegmentPlan {
  readonly upstreamPort: number;
  /** Bytes of a segment, in that direction; undefined: as they come. */
  readonly toServer?: number;
  readonly toClient?: number;
}

/** Resolves when the system has taken the bytes and the receiver's turn has come. */
async function passed(to: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve) => to.write(bytes, () => setImmediate(resolve)));
}

async function pass(from: Socket, to: Socket, size = Number.POSITIVE_INFINITY): Promise<void> {
  for await (const chunk of from as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length && !to.destroyed; at += size) {
      await passed(to, chunk.subarray(at, Math.min(chunk.length, at + size)));
    }
  }
  to.end();
}

/** Starts one on a free loopback port. */
export async function startSegmentProxy({
  upstreamPort,
  toServer,
  toClient,
}: SegmentPlan): Promise<TestServer> {
  const server = createServer({allowHalfOpen: true, noDelay: true}, (client) => {
    const upstream = connect({port: upstreamPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true});
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end);
    pass(client, upstream, toServer).catch(end);
    pass(upstream, client, toClient).catch(end);
  });
  return await listening(server);
}
