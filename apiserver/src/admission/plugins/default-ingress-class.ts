import type { Ingress } from '@slipway/api/types';
import type { AdmissionPlugin } from '../plugin.ts';
import { defaultClass } from './default-classes.ts';

const defaultIngressClassOf = defaultClass({ group: 'networking.k8s.io', resource: 'ingressclasses' }, [
  'ingressclass.kubernetes.io/is-default-class',
]);
const olderAnnotation = 'kubernetes.io/ingress.class';

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  on: [{ operations: ['CREATE'], group: 'networking.k8s.io', resources: ['ingresses'] }],

  mutate({ draft }, { objects }) {
    const ingress = draft as Ingress | undefined;
    if (!ingress || ingress.spec?.ingressClassName !== undefined) return;
    if (ingress.metadata.annotations?.[olderAnnotation] !== undefined) return;
    const { name } = defaultIngressClassOf.of(objects);
    if (name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: name };
  },
};
