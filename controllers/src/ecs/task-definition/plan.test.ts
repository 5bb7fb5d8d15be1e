import type { TaskDefinition } from '@slipway/api/ecs/kinds';
import { aTask, aTaskDefinition } from '../testing/ecs-builders.ts';
import { definitionFinalizer, planDefinition, userOf } from './plan.ts';

function definition(metadata: Partial<TaskDefinition['metadata']>): TaskDefinition {
  const base = aTaskDefinition();
  return { ...base, metadata: { ...base.metadata, name: `${base.spec.family}.${base.spec.revision}`, ...metadata } };
}
const held = { finalizers: ['other', definitionFinalizer] };
const deleted = { ...held, deletionTimestamp: '2026-01-02T03:04:05Z' };

describe('planDefinition', () => {
  it('holds a definition that kubectl has made', () => {
    expect(planDefinition({ definition: definition({}), isUsed: false, family: undefined }).steps).toMatchObject([
      { op: 'patch', patch: { metadata: { finalizers: [definitionFinalizer] } } },
    ]);
    expect(planDefinition({ definition: definition(held), isUsed: false, family: undefined }).steps).toEqual([]);
  });

  it('keeps a deleted one while it is used', () => {
    expect(planDefinition({ definition: definition(deleted), isUsed: true, family: undefined }).steps).toEqual([]);
  });

  it('remembers the number and lets go', () => {
    const { spec } = definition(deleted);
    const steps = planDefinition({ definition: definition(deleted), isUsed: false, family: undefined }).steps;
    expect(steps).toMatchObject([
      {
        op: 'create',
        object: { metadata: { name: spec.family }, spec: { family: spec.family, lastRevision: spec.revision } },
      },
      { op: 'patch', patch: { metadata: { finalizers: ['other'] } } },
    ]);
    const family = { apiVersion: '', kind: '', metadata: {}, spec: { family: spec.family, lastRevision: 99 } };
    expect(planDefinition({ definition: definition(deleted), isUsed: false, family }).steps).toHaveLength(1);
  });

  it('is asked for by tasks that have not stopped', () => {
    expect(userOf(aTask({ taskDefinition: 'a:1' }))).toEqual(['a:1']);
    expect(userOf({ ...aTask({ taskDefinition: 'a:1' }), status: { lastStatus: 'STOPPED' } })).toEqual([]);
  });
});
