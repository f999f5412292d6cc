// The columns of the table of all figures sort; without this it is in the order of the images.
const table = document.querySelector(".figures table");
const heads = table ? [...table.tHead.rows[0].cells] : [];
heads.forEach((head, column) => {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value ?? "";
    const order = new Intl.Collator(undefined, { numeric: true });
    const number = (text) => (text === "" ? -Infinity : Number(text));
    const compare = (a, b) => {
      const [one, other] = [number(key(a)), number(key(b))];
      if (Number.isNaN(one) || Number.isNaN(other)) return order.compare(key(a), key(b));
      return one === other ? 0 : one - other;
    };
    const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...rows);
  });
});
