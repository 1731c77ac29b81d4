const body = document.querySelector("tbody");
document.querySelectorAll("th").forEach((head, column) => {
  let sign = 1;
  head.addEventListener("click", () => {
    const key = (row) => row.cells[column].textContent;
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      return sign * (isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y);
    };
    [...body.rows].sort(order).forEach((row) => body.append(row));
    sign = -sign;
  });
});
