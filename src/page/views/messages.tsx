/** The messages as they come, newest first: filtered, searched, paused. */

import {isTopicFilter} from '../../protocol/topic.ts';
import type {PageModel} from '../model.ts';
import type {PageMessage} from '../state/message.ts';
import {payloadLine} from '../state/payload.ts';
import {clock, grouped, shortSize} from '../state/units.ts';
import {visibleLine} from '../state/visible-text.ts';
import {useEffect, useState} from '../ui.ts';
import {Rows} from './rows.tsx';
import {Retained} from './topics.tsx';
import {useModel} from './use-model.ts';

export function Messages({model, isWide}: {readonly model: PageModel; readonly isWide: boolean}) {
  useModel(model);
  const [isAway, setAway] = useState(false);
  const {view, selection, isPaused} = model;
  // The list begins at its top when it is shown again.
  useEffect(() => () => view.hold(model.isPaused), [model, view]);
  view.hold(isPaused || isAway);
  const {shown, filter} = view;
  const itemAt = (index: number) => shown[shown.length - 1 - index]!;
  const chosen = selection?.kind === 'message' ? selection.message.number : undefined;
  const place = chosen === undefined ? -1 : shown.findIndex(({number}) => number === chosen);
  const isWrong = filter.topic !== '' && !isTopicFilter(filter.topic);
  const refine = (change: Partial<typeof filter>) => {
    view.filter = {...filter, ...change};
    model.changed();
  };
  return (
    <section class="panel" aria-labelledby="messages-title">
      <header class="panel-head">
        <h2 id="messages-title">Messages</h2>
        <button
          type="button"
          aria-pressed={isPaused}
          onClick={() => {
            model.isPaused = !isPaused;
            model.changed();
          }}
        >
          {isPaused ? 'Continue' : 'Pause'}
        </button>
        <button type="button" class="quiet" onClick={() => model.clear()}>
          Clear
        </button>
        <span class="grow" />
        <span class="count">
          {grouped(shown.length)} of {grouped(model.total)}
        </span>
      </header>
      <div class="tools">
        <input
          type="search"
          aria-label="Topic filter"
          placeholder="Topic filter: a/+/b, a/#"
          aria-invalid={isWrong}
          value={filter.topic}
          onInput={(event) => refine({topic: event.currentTarget.value})}
        />
        <input
          type="search"
          aria-label="Search in topics and payloads"
          placeholder="Search"
          value={filter.search}
          onInput={(event) => refine({search: event.currentTarget.value})}
        />
      </div>
      {isWrong && (
        <p class="remark" role="status">
          This is no topic filter: + and # stand alone in a level, # in the last one.
        </p>
      )}
      {view.isHeld && (
        <p class="remark" role="status">
          {isPaused ? 'Paused' : 'Held while you look further down'}: {grouped(view.newer)} newer{' '}
          {view.newer === 1 ? 'message' : 'messages'}.
        </p>
      )}
      <Rows
        items={shown.length}
        itemAt={itemAt}
        rowHeight={isWide ? 28 : 48}
        role="listbox"
        label="Messages"
        active={place === -1 ? -1 : shown.length - 1 - place}
        onActive={(index) => model.select({kind: 'message', message: itemAt(index)})}
        onOpen={() => model.show('details')}
        onScrolled={setAway}
        render={(message) => <Message message={message} />}
        empty={model.total === 0 ? 'No message has come yet.' : 'No message passes the filter.'}
      />
    </section>
  );
}

function Message({message}: {readonly message: PageMessage}) {
  const {time, topic, payload, size, retain} = message;
  return (
    <span class="message">
      <span class="time">{clock(time)}</span>
      <span class="name">{visibleLine(topic)}</span>
      <span class="marks">{retain && <Retained />}</span>
      <span class="value">{payloadLine(payload)}</span>
      <span class="count">{shortSize(size)}</span>
    </span>
  );
}
