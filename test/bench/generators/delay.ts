/** A TCP proxy that holds every byte back for `delay` milliseconds, each way, in order: a distant broker. */

import {connect, createServer, type Socket} from 'node:net';
import {parseArgs} from 'node:util';
import {listening} from './protocol.ts';

const {values} = parseArgs({
  options: {to: {type: 'string', default: '1883'}, delay: {type: 'string', default: '25'}},
});
const delayMilliseconds = Number(values.delay);

function pass(from: Socket, to: Socket): void {
  const later = (action: () => void) => setTimeout(action, delayMilliseconds);
  from.setNoDelay(true);
  from.on('data', (chunk: Buffer) => later(() => to.destroyed || to.write(chunk)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => later(() => to.destroy()));
  from.on('close', () => later(() => to.destroy()));
}

await listening(
  createServer({allowHalfOpen: true}, (near) => {
    const far = connect({port: Number(values.to), host: '127.0.0.1', allowHalfOpen: true});
    pass(near, far);
    pass(far, near);
  }),
);
