/** A WebSocket client that sends exactly the bytes that a test writes. */

import {once} from 'node:events';
import {connect, type Socket} from 'node:net';

const mask = Buffer.of(0x11, 0x22, 0x33, 0x44);

/** The beginning of a masked frame with so many bytes: binary, or of another opcode. */
export function clientHeader(length: number, opcode = 2): Buffer {
  const code = length < 126 ? length : length <= 0xffff ? 126 : 127;
  const header = Buffer.alloc(code === 126 ? 4 : code === 127 ? 10 : 2);
  header[0] = 0x80 | opcode;
  header[1] = 0x80 | code;
  if (code === 126) header.writeUInt16BE(length, 2);
  if (code === 127) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, mask]);
}

/** A masked frame: binary, or of another opcode. */
export function clientFrame(payload: Uint8Array, opcode = 2): Buffer {
  return Buffer.concat([
    clientHeader(payload.length, opcode),
    payload.map((byte, at) => byte ^ mask[at & 3]!),
  ]);
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
