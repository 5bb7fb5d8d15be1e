import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import type { ClusterRole } from '@slipway/api/types';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { triggerOn } from '../../runtime/controller-definition.ts';
import { observeRole } from './observe.ts';
import { planAggregation } from './plan.ts';

const clusterRoles: Kind<ClusterRole> = kinds.clusterRoles;

/** Collects the rules of labelled roles: how `admin`, `edit` and `view` grow when something new is installed. */
export const clusterRoleAggregationController = definitionFrom({
  name: 'clusterrole-aggregation',
  component: 'clusterrole-aggregation-controller',
  account: 'clusterrole-aggregation-controller',
  primary: clusterRoles,
  // There are few aggregating roles, and which of them a role belonged to before it changed need not be worked out.
  triggers: [
    triggerOn(clusterRoles, (_, caches) =>
      caches
        .list(clusterRoles)
        .filter(({ aggregationRule }) => aggregationRule)
        .map(keyOf),
    ),
  ],
  observe: observeRole,
  plan: planAggregation,
});
