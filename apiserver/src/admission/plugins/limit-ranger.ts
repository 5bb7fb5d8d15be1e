/** The LimitRanges of a namespace: what containers get that say nothing, and what containers, pods and claims may ask for. */
import type { LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '@slipway/api/types';
import { forbidden } from '../../registry/status-errors.ts';
import { Derived } from '../derived.ts';
import { limitProblems } from '../limits/limit-problems.ts';
import { setDefaultResources } from '../limits/default-resources.ts';
import type { AdmissionPlugin } from '../plugin.ts';

const limitRanges = new Derived<ReadonlyMap<string, readonly LimitRangeItem[]>>(
  { group: '', resource: 'limitranges' },
  (objects) => {
    const byNamespace = new Map<string, LimitRangeItem[]>();
    for (const object of objects) {
      const { metadata, spec } = object as LimitRange;
      const { namespace = '' } = metadata;
      byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), ...(spec?.limits ?? [])]);
    }
    return byNamespace;
  },
);

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  on: [
    { operations: ['CREATE'], group: '', resources: ['pods'] },
    // Nothing is filled in then: what a running pod does not say it has done without.
    { operations: ['UPDATE'], group: '', resources: ['pods/resize'] },
    { operations: ['CREATE', 'UPDATE'], group: '', resources: ['persistentvolumeclaims'] },
  ],

  mutate({ draft, request }, { objects }) {
    if (request.api.resource !== 'pods' || request.operation !== 'CREATE') return;
    const limits = limitRanges.of(objects).get(request.namespace ?? '');
    if (limits && draft) setDefaultResources(draft as Pod, limits);
  },

  validate({ draft, request }, { objects }) {
    const limits = limitRanges.of(objects).get(request.namespace ?? '');
    if (!limits || !draft) return;
    const problems = limitProblems(request.api.resource, draft as Pod | PersistentVolumeClaim, limits);
    if (problems.length === 0) return;
    const reason = problems.length === 1 ? problems.join('') : `[${problems.join(', ')}]`;
    throw forbidden(request.api, draft.metadata.name ?? '', reason);
  },
};
