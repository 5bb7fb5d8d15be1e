/** The service model of ECS as data, for those who send requests and not only for those who answer them. */
export { inputOf, shapes } from './generated/shapes.ts';
export { refusedOperations, servedOperations } from './served-operations.ts';
export type { Shape } from './shape.ts';
