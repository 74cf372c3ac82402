/** A WebSocket client that sends exactly the bytes that a test writes. */

import {once} from 'node:events';
import {connect, type Socket} from 'node:net';

const mask = Buffer.of(0x11, 0x22, 0x33, 0x44);

/** A masked frame: binary, or of another opcode. */
export function clientFrame(payload: Uint8Array, opcode = 2): Buffer {
  const {length} = payload;
  const header = Buffer.alloc(length < 126 ? 2 : 4);
  header[0] = 0x80 | opcode;
  header[1] = 0x80 | (length < 126 ? length : 126);
  if (length >= 126) header.writeUInt16BE(length, 2);
  return Buffer.concat([header, mask, payload.map((byte, at) => byte ^ mask[at & 3]!)]);
}

/** Connects to a loopback port and has the connection upgraded; paused, with what came behind the answer. */
export async function openRawWebSocket(port: number): Promise<Socket> {
  const socket = connect({port, host: '127.0.0.1', noDelay: true});
  socket.on('error', () => undefined);
  socket.write(
    'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  const end = answer.indexOf('\r\n\r\n') + 4;
  socket.pause();
  if (answer.length > end) socket.unshift(answer.subarray(end));
  if (end < 4 || !answer.toString().startsWith('HTTP/1.1 101 ')) throw new Error(answer.toString());
  return socket;
}
