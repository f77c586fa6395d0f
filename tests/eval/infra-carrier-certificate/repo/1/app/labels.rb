# frozen_string_literal: true

# The table of labels, one for an order.
module Labels
  def self.save(order_id, label_id)
    DB[:labels].insert_conflict(target: :order_id, update: { label_id: label_id }).insert(order_id: order_id, label_id: label_id)
  end
end
