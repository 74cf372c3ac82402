/** One message: its topic, its properties and its payload. */

import type {PageModel} from '../model.ts';
import type {PageMessage} from '../state/message.ts';
import {byteCount, clock, grouped} from '../state/units.ts';
import {visibleLine} from '../state/visible-text.ts';
import type {ComponentChildren} from '../ui.ts';
import {Payload} from './payload.tsx';
import {useModel} from './use-model.ts';

export function Details({model}: {readonly model: PageModel}) {
  useModel(model);
  const {selection, selected: message, selectedNode: node} = model;
  if (selection === undefined) return <p class="empty">Choose a topic or a message.</p>;
  if (message === undefined) {
    return (
      <p class="empty">
        No message has come to {selection.kind === 'topic' && visibleLine(selection.path)} itself
        {node === undefined ? '' : `, but ${grouped(node.total)} to topics below it`}.
      </p>
    );
  }
  const isRetained = model.tree.find(message.topic)?.isRetained === true;
  return (
    <div class="details">
      <h3 class="topic-name">{visibleLine(message.topic)}</h3>
      {node !== undefined && (
        <p class="remark">The last of {grouped(node.count)} messages to this topic; it stays up to date.</p>
      )}
      <Payload key={selection.kind === 'message' ? message.number : selection.path} message={message} />
      <Facts message={message} />
      <div class="buttons">
        <button
          type="button"
          onClick={() => {
            model.view.filter = {...model.view.filter, topic: message.topic};
            model.show('messages');
          }}
        >
          Only this topic
        </button>
        <button type="button" onClick={() => model.compose(message)}>
          Publish again…
        </button>
        {isRetained && (
          <button type="button" onClick={() => void clearRetained(model, message.topic)}>
            Clear the retained message
          </button>
        )}
      </div>
    </div>
  );
}

/** An empty retained message takes the place of the retained one, and is not kept [MQTT-3.3.1-6]. */
async function clearRetained(model: PageModel, topic: string): Promise<void> {
  const payload = new Uint8Array();
  const problem = await model.link.publish({topic, payload, qos: 1, retain: true, properties: {}});
  if (problem === undefined) return;
  model.notice = `The retained message of ${visibleLine(topic)} is not cleared: ${problem}`;
  model.changed();
}

const text = new TextDecoder();

function Facts({message}: {readonly message: PageMessage}) {
  const {time, retain, size, properties} = message;
  const {contentType, responseTopic, correlationData, messageExpiryInterval, userProperties} = properties;
  const facts: readonly (readonly [string, ComponentChildren])[] = [
    ['Time', clock(time)],
    ['Retained', retain ? 'yes' : 'no'],
    ['Size', byteCount(size)],
    ['Content type', contentType],
    ['Response topic', responseTopic],
    ['Correlation data', correlationData && text.decode(correlationData)],
    [
      'Expires after',
      messageExpiryInterval === undefined ? undefined : `${grouped(messageExpiryInterval)} s`,
    ],
  ];
  return (
    <dl class="facts">
      {facts.map(
        ([name, value]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{typeof value === 'string' ? visibleLine(value) : value}</dd>
            </div>
          ),
      )}
      {userProperties?.map(([name, value], index) => (
        <div key={index}>
          <dt class="own">{visibleLine(name)}</dt>
          <dd>{visibleLine(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
