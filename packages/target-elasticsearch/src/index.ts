export type {
  ElasticsearchAnswer,
  ElasticsearchCall,
  ElasticsearchCallOptions,
  ElasticsearchClient,
  ElasticsearchTransport,
} from './elasticsearch-client.ts'
export type { ElasticsearchTargetOptions } from './elasticsearch-options.ts'
export { elasticsearchTarget } from './elasticsearch-target.ts'
