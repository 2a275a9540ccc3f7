import { Server } from 'oc-server';

const ROWS_MAX = 500;

export const server = new Server()
  .withParameters({
    name: { type: 'string', default: 'World', mandatory: false, example: 'Ada', description: 'Who is greeted' },
    rows: { type: 'number', default: 20, mandatory: false, example: 20, description: 'Rows of the list, at most 500' },
  })
  .handler(async ({ name, rows }: any) => ({
    greeting: `Hello, ${name}`,
    items: Array.from({ length: Math.min(ROWS_MAX, Math.max(0, rows)) }, (_, index) => ({
      id: index + 1,
      title: `Row ${index + 1} of ${name}`,
      price: (index * 1.5).toFixed(2),
      isEven: index % 2 === 1,
    })),
  }));
