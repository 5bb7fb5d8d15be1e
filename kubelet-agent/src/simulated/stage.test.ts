import type { Pod } from '@slipway/api/types';
import { isMeantFor, parseStages, runForAnnotation, type Stage, StagesError, stageSets } from './stage.ts';

const aPod = (metadata: Pod['metadata']): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'c' }] },
});
const stageWith = (more: Partial<Stage>): Stage => ({
  name: 'x',
  from: 'pending',
  to: 'running',
  delayMs: 0,
  jitterMs: 0,
  exitCode: 0,
  chance: 1,
  match: {},
  ...more,
});

describe('parseStages', () => {
  it('reads all that a stage may say', () => {
    const match = { namespace: 'shop', labels: { app: 'db' }, annotations: { a: 'b' }, owner: 'Job' };
    const given = {
      name: 'start',
      from: 'pending',
      to: 'running',
      delay: '1s',
      jitter: '500ms',
      maxDelay: '1m',
      delayAnnotation: 'example.com/after',
      exitCode: 2,
      chance: 0.5,
      match,
    };
    expect(parseStages({ stages: [given, { from: 'running', to: 'ready' }] })).toEqual([
      {
        name: 'start',
        from: 'pending',
        to: 'running',
        delayMs: 1000,
        jitterMs: 500,
        delayMaxMs: 60_000,
        delayAnnotation: 'example.com/after',
        exitCode: 2,
        chance: 0.5,
        match,
      },
      stageWith({ name: 'running to ready', from: 'running', to: 'ready' }),
    ]);
  });

  it.each([
    [null, 'the file: must be a map'],
    [{}, 'stages: must be a list with at least one stage'],
    [{ stages: [{ from: 'pending', to: 'up' }] }, 'stages[0].to: must be one of pending, creating'],
    [{ stages: [{ from: 'pending', to: 'running', delay: 'soon' }] }, 'stages[0].delay: must be a duration'],
    [{ stages: [{ from: 'pending', to: 'running', wait: '1s' }] }, 'stages[0].wait: unknown; there are name, from'],
    [{ stages: [{ from: 'ready', to: 'exited', exitCode: 300 }] }, 'stages[0].exitCode: must be a whole number'],
    [{ stages: [{ from: 'ready', to: 'exited', chance: 2 }] }, 'stages[0].chance: must be a number above 0'],
    [{ stages: [{ from: 'ready', to: 'gone' }] }, 'terminating leads to gone and nothing else does'],
    [{ stages: [{ from: 'ready', to: 'ready' }] }, 'stages[0]: leads from ready to itself'],
    [{ stages: [{ from: 'ready', to: 'pending' }] }, 'no stage leads from ready to pending'],
    [{ stages: [{ from: 'ready', to: 'exited', match: { labels: { a: 1 } } }] }, 'match.labels.a: must be a text'],
  ])('says what is wrong (%#)', (content, message) => {
    expect(() => parseStages(content)).toThrow(StagesError);
    expect(() => parseStages(content)).toThrow(message);
  });
});

it('knows which pods a stage is meant for', () => {
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'u', controller: true };
  const pod = aPod({
    namespace: 'shop',
    labels: { app: 'db' },
    annotations: { [runForAnnotation]: '5s' },
    ownerReferences: [job],
  });
  expect(isMeantFor(stageWith({ match: { namespace: 'shop', labels: { app: 'db' }, owner: 'Job' } }), pod)).toBe(true);
  expect(isMeantFor(stageWith({ match: { namespace: 'other' } }), pod)).toBe(false);
  expect(isMeantFor(stageWith({ match: { labels: { app: 'web' } } }), pod)).toBe(false);
  expect(isMeantFor(stageWith({ match: { owner: 'ReplicaSet' } }), pod)).toBe(false);
  expect(isMeantFor(stageWith({ delayAnnotation: runForAnnotation }), pod)).toBe(true);
  expect(isMeantFor(stageWith({ delayAnnotation: runForAnnotation }), aPod({}))).toBe(false);
});

it.each(Object.keys(stageSets))('lets pods of the set %s come up and go', (name) => {
  const set = stageSets[name] ?? [];
  for (const [from, to] of [
    ['pending', 'running'],
    ['running', 'ready'],
    ['terminating', 'gone'],
  ])
    expect(set.some((one) => one.from === from && one.to === to)).toBe(true);
});
