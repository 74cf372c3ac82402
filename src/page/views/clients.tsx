/** The clients that are connected, asked for each second while they are shown. */

import type {PageClient, PageClients} from '../../page-interface.ts';
import type {PageModel} from '../model.ts';
import {byteCount, grouped} from '../state/units.ts';
import {visibleLine} from '../state/visible-text.ts';
import {useEffect, useState} from '../ui.ts';

/** Milliseconds between two questions. */
const pause = 1000;

const versions: Readonly<Record<number, string>> = {3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5'};

export function Clients({model}: {readonly model: PageModel}) {
  const [known, setKnown] = useState<PageClients>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const ask = async () => {
      if (!document.hidden) {
        const answer = await model.link.ask<PageClients>({path: 'api/clients'});
        if (isOver) return;
        if (answer.kind === 'done') setKnown(answer.value);
      }
      timer = setTimeout(() => void ask(), pause);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [model]);
  const disconnect = async (clientId: string) => {
    const answer = await model.link.ask({method: 'POST', path: 'api/disconnect', body: {clientId}});
    setProblem(answer.kind === 'problem' ? answer.sentence : undefined);
  };
  if (known === undefined) return <p class="empty">Asking the broker…</p>;
  const {total, clients} = known;
  return (
    <div>
      <p class="remark">
        {grouped(total)} connected
        {total > clients.length && `, of which the first ${grouped(clients.length)} are shown`}.
      </p>
      {problem !== undefined && (
        <p role="status" class="remark problem">
          {problem}
        </p>
      )}
      <ul class="cards">
        {clients.map((client) => (
          <Client
            key={client.clientId}
            client={client}
            isPage={client.clientId === model.link.clientId}
            onDisconnect={() => void disconnect(client.clientId)}
          />
        ))}
      </ul>
    </div>
  );
}

interface ClientProps {
  readonly client: PageClient;
  readonly isPage: boolean;
  readonly onDisconnect: () => void;
}

function Client({client, isPage, onDisconnect}: ClientProps) {
  const {clientId, username, address, protocolVersion, keepAliveSeconds, cleanStart} = client;
  const {subscriptions, subscriptionCount, will} = client;
  return (
    <li class="card">
      <div class="card-head">
        <strong>{visibleLine(clientId)}</strong>
        {isPage && <span class="badge page">this page</span>}
        <span class="grow" />
        {!isPage && (
          <button type="button" class="quiet" aria-label={`Disconnect ${clientId}`} onClick={onDisconnect}>
            Disconnect
          </button>
        )}
      </div>
      <p class="hint">
        {username !== undefined && `${visibleLine(username)} from `}
        {address}, {versions[protocolVersion]},{' '}
        {keepAliveSeconds === 0 ? 'no keep alive' : `keep alive ${grouped(keepAliveSeconds)} s`},{' '}
        {cleanStart ? 'clean start' : 'session kept'}
      </p>
      <ul class="chips" aria-label="Subscriptions">
        {subscriptions.map(({filter, qos}) => (
          <li key={filter}>
            {visibleLine(filter)} <span class="hint">QoS {qos}</span>
          </li>
        ))}
        {subscriptionCount === 0 && <li class="none">no subscription</li>}
        {subscriptionCount > subscriptions.length && (
          <li class="none">and {grouped(subscriptionCount - subscriptions.length)} more</li>
        )}
      </ul>
      {will !== undefined && (
        <p class="hint">
          Will: {visibleLine(will.topic)}, {byteCount(will.size)}, QoS {will.qos}
          {will.retain && ', retained'}
          {will.delaySeconds > 0 && `, after ${grouped(will.delaySeconds)} s`}
        </p>
      )}
    </li>
  );
}
