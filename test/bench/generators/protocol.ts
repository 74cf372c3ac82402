/** How a generator reports to the bench that started it: lines of JSON on stdout. */

import {once} from 'node:events';
import type {AddressInfo, Server} from 'node:net';

/** Prints one line of JSON. */
export function print(value: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Listens on a free loopback port, prints it, and ends the process when stdin ends: with the bench. */
export async function listening(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.stdin.resume().once('end', () => process.exit(0));
  print({port: (server.address() as AddressInfo).port});
}
