// Generated types are the vocabulary of the controllers too.
export type * from '@slipway/api/ecs/generated/types';
