/** The program of a thread of the load: carries out the orders of the main thread, and reports each result to it. */

import {parentPort, workerData} from 'node:worker_threads';
import {LoadThread} from './load-thread.ts';
import type {Order, Report, ThreadData} from './messages.ts';

const port = parentPort!;
const {plan, share, memory} = workerData as ThreadData;
const tell = (report: Report) => port.postMessage(report);

let answerPassphrase: (text: string) => void = () => undefined;
const load = new LoadThread({
  plan,
  share,
  memory,
  passphrase: () =>
    new Promise((resolve) => {
      answerPassphrase = resolve;
      tell({report: 'passphrase'});
    }),
});

port.on('message', async (order: Order) => {
  if (order.order === 'publish') tell({report: 'published', acknowledged: await load.publish(order.start)});
  else if (order.order === 'finish') load.finish();
  else if (order.order === 'passphrase') answerPassphrase(order.text);
  else {
    tell({report: 'stopped', measurement: await load.stop()});
    port.close();
  }
});

void load.connect().then((failure) => tell({report: 'connected', failure}));
