/** The counters of a broker, as its $SYS topics publish them. */

import type {PacketBroker} from './packet-client.ts';

/**
 * All $SYS topics and their values, in order, after the broker's clock is advanced by 11 seconds: its
 * `sysInterval` must be 10. Without the figures about memory, which two like conversations do not share.
 */
export async function countersOf(broker: PacketBroker): Promise<readonly string[]> {
  broker.advance(11);
  const watch = await broker.connect('watch');
  await watch.subscribe('$SYS/broker/#');
  watch.send({cmd: 'pingreq'});
  const lines: string[] = [];
  for (let packet = await watch.next(); packet.cmd !== 'pingresp'; packet = await watch.next()) {
    const line = `${packet.topic} ${packet.payload}`;
    if (!/heap|store\/messages\/bytes/.test(line)) lines.push(line);
  }
  return lines.sort();
}
