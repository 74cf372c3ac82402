/** A TCP proxy that keeps the packets of both directions; a test can wait for one of them. */

import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import {packetNames, readPackets, type SentPacket} from './sent-packets.ts';

export interface Recorder extends AsyncDisposable {
  readonly port: number;
  /** All packets of all connections, one connection after the other. */
  sent(): readonly SentPacket[];
  /** Resolves when a packet of that name came from the server, or was sent by the client. */
  seen(side: 'server' | 'client', name: string, count?: number): Promise<void>;
  /** Resolves when no connection is open any more. */
  idle(): Promise<void>;
}

interface Recording {
  readonly client: Buffer[];
  readonly server: Buffer[];
}

/** Starts one on a free loopback port, in front of the server at `upstreamPort`. */
export async function startRecorder(upstreamPort: number): Promise<Recorder> {
  const recordings: Recording[] = [];
  const sockets = new Set<Socket>();
  let wake: () => void = () => undefined;
  let changed = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const change = () => {
    const done = wake;
    changed = new Promise((resolve) => {
      wake = resolve;
    });
    done();
  };
  const server = createServer((client) => {
    const recording: Recording = {client: [], server: []};
    recordings.push(recording);
    const upstream = connect(upstreamPort, '127.0.0.1');
    for (const [from, to, kept] of [
      [client, upstream, recording.client],
      [upstream, client, recording.server],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => {
        kept.push(chunk);
        to.write(chunk);
        change();
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroySoon();
        sockets.delete(from);
        change();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const count = (side: 'server' | 'client', name: string) =>
    recordings.flatMap((each) => packetNames(Buffer.concat(each[side]))).filter((each) => each === name)
      .length;
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => recordings.flatMap(({client}) => readPackets(Buffer.concat(client))),
    async seen(side, name, wanted = 1) {
      while (count(side, name) < wanted) await changed;
    },
    async idle() {
      while (sockets.size > 0) await changed;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
