/** Sends back what comes, at once. */

import {createServer} from 'node:net';
import {listening} from './protocol.ts';

await listening(
  createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
  }),
);
