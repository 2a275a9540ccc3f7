const ROWS_MAX = 500;

export const data = (context, callback) => {
  const { name, rows } = context.params;
  const count = Math.min(ROWS_MAX, Math.max(0, rows));
  const items = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    title: `Row ${index + 1} of ${name}`,
    price: (index * 1.5).toFixed(2),
    isEven: index % 2 === 1,
  }));
  callback(null, { greeting: `Hello, ${name}`, items });
};
