import { kinds } from '@slipway/client/kinds';
import { type ControllerDefinition, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { observeRootCa, rootCaName } from './observe.ts';
import { planRootCa } from './plan.ts';

/** Puts the certificate of the cluster's authority into every namespace, where pods find it beside their token. */
export function rootCaController(caPem: string): ControllerDefinition {
  return definitionFrom({
    name: 'root-ca-certificate-publisher',
    component: 'root-ca-certificate-publisher',
    account: 'root-ca-cert-publisher',
    primary: kinds.namespaces,
    triggers: [
      triggerOn(kinds.configMaps, ({ metadata }) => (metadata.name === rootCaName ? [metadata.namespace ?? ''] : [])),
    ],
    observe: observeRootCa,
    plan: (observed) => planRootCa(observed, caPem),
  });
}
