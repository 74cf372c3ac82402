/** One table of scenarios over every transport: the built program at its own broker, and at the stand-ins for others. */
// needs: openssl

import {readFile} from 'node:fs/promises';
import {after, before, describe, it} from 'node:test';
import {Clients, prepareTarget, scenarios, type Target} from '../support/client-scenarios.ts';
import {type FourListeners, type Scheme, schemes, startFourListeners} from '../support/four-listeners.ts';
import {
  type StandIn,
  type StandInOptions,
  startDroppingBeforeConnack,
  startSilentAfterEarlyEnd,
  startStrictWebSockets,
} from '../support/stand-ins/impatient-brokers.ts';

interface Row {
  readonly name: string;
  readonly schemes: readonly Scheme[];
  readonly start?: (options: StandInOptions) => Promise<StandIn>;
}

const rows: readonly Row[] = [
  {name: 'tmq broker', schemes},
  {name: 'strict WebSockets', schemes: ['ws', 'wss'], start: startStrictWebSockets},
  {name: 'silent after an early end', schemes: ['ws', 'wss'], start: startSilentAfterEarlyEnd},
  {name: 'dropping before CONNACK', schemes, start: startDroppingBeforeConnack},
];

let broker: FourListeners;
before(async () => {
  broker = await startFourListeners('', 'program');
  const {directory, certificate: cafile, ports} = broker;
  await prepareTarget({name: 'tmq broker', scheme: 'mqtt', port: ports.mqtt, cafile, directory});
});
after(() => broker[Symbol.asyncDispose]());

for (const row of rows) {
  for (const scheme of row.schemes) {
    describe(`${row.name}, ${scheme}`, {concurrency: 4}, () => {
      let target: Target;
      let standIn: StandIn | undefined;
      before(async () => {
        const {directory, certificate: cafile, ports} = broker;
        const identity = {
          cert: await readFile(cafile, 'utf8'),
          key: await readFile(`${directory}/server.key`, 'utf8'),
        };
        standIn = await row.start?.({scheme, identity, upstreamPort: ports.mqtt});
        target = {name: row.name, scheme, port: standIn?.port ?? ports[scheme], cafile, directory};
      });
      after(async () => {
        await standIn?.[Symbol.asyncDispose]();
      });
      for (const {name, run} of scenarios) {
        it(name, async () => {
          await run(new Clients(target, `${row.name} ${scheme}/${name}`.replaceAll(' ', '-')));
        });
      }
    });
  }
}
