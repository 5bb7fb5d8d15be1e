export { definitions } from './definitions.ts';
