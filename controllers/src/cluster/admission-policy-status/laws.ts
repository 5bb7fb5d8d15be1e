import type { ValidatingAdmissionPolicy } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';

const policies = kinds.validatingAdmissionPolicies;

export const admissionPolicyStatusLaws: ControllerLaws = {
  controller: 'validatingadmissionpolicy-status',
  primary: policies,
  start: (server) => void server.put(policies, aPolicy('p', 'true')),
  moves: {
    'a policy comes': (server, dice) => {
      if (!server.get(policies, `p${dice % 3}`)) server.put(policies, aPolicy(`p${dice % 3}`, 'true'));
    },
    'an expression changes': (server, dice) => {
      const policy = pick(server.list(policies), dice);
      if (policy) server.put(policies, { ...policy, spec: aPolicy('p', `${dice % 4} > 1`).spec });
    },
  },
  atRest: (server) => {
    const behind = server
      .list(policies)
      .find(({ metadata, status }) => status?.observedGeneration !== metadata.generation);
    return behind && `${keyOf(behind)} was not looked at`;
  },
};

function aPolicy(name: string, expression: string): ValidatingAdmissionPolicy {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: { validations: [{ expression }] },
  };
}
