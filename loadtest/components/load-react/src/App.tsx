type Item = { id: number; title: string; price: string; isEven: boolean };

const Row = ({ id, title, price, isEven }: Item) => (
  <li className={isEven ? 'even' : 'odd'} data-id={id}>
    <b>{title}</b> {price}
  </li>
);

export default function App({ greeting, items }: { greeting: string; items: Item[] }) {
  return (
    <section>
      <h2>{greeting}</h2>
      <ul>
        {items.map((item) => (
          <Row key={item.id} {...item} />
        ))}
      </ul>
    </section>
  );
}
