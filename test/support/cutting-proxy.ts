/**
 * A TCP proxy that cuts its connections after so many bytes, in the middle of a packet as well as
 * between two: bytes are counted, not time, so that every run is cut at the same places.
 */

import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Socket} from 'node:net';

export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections cut so far. */
  readonly cuts: number;
  /** Connections made so far, all the way to the broker. */
  readonly connections: number;
  /** Cuts whatever is connected now. */
  cut(): void;
}

export interface CutPlan {
  /** Asked anew for each connection where it is a function: a broker may come back on another port. */
  readonly upstreamPort: number | (() => number);
  /** Bytes that a connection (from 0) may pass in that direction before it is cut; undefined: never. */
  readonly toServer?: (connection: number) => number | undefined;
  readonly toClient?: (connection: number) => number | undefined;
}

/** Copies from one socket to the other, and cuts both when the count is reached. */
function pass(from: Socket, to: Socket, allowance: number | undefined, cut: () => void): void {
  let left = allowance ?? Number.POSITIVE_INFINITY;
  from.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, Math.min(chunk.length, left));
    left -= part.length;
    if (part.length > 0 && !to.write(part)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
    if (left === 0) cut();
  });
  from.on('end', () => to.end());
}

/** Starts one on a free loopback port. */
export async function startCuttingProxy(plan: CutPlan): Promise<CuttingProxy> {
  const pairs = new Set<() => void>();
  let cuts = 0;
  let connections = 0;
  const server = createServer((client) => {
    const {upstreamPort} = plan;
    const port = typeof upstreamPort === 'number' ? upstreamPort : upstreamPort();
    const upstream = connect(port, '127.0.0.1');
    let open = true;
    const close = () => {
      if (!open) return;
      open = false;
      pairs.delete(cut);
      // What was passed on before the cut still arrives: the sockets are ended, not reset.
      client.destroySoon();
      upstream.destroySoon();
    };
    const cut = () => {
      if (open) cuts++;
      close();
    };
    pairs.add(cut);
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined);
      socket.on('close', close);
    }
    // Only what reaches the broker is counted: the number of attempts while it is away varies.
    upstream.once('connect', () => {
      const number = connections++;
      pass(client, upstream, plan.toServer?.(number), cut);
      pass(upstream, client, plan.toClient?.(number), cut);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    get connections() {
      return connections;
    },
    cut() {
      for (const each of [...pairs]) each();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const each of [...pairs]) each();
      await once(server, 'close');
    },
  };
}
